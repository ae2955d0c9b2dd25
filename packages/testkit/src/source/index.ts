export { isOnline } from './online.ts'
export { type SourceComplianceOptions, sourceCompliance } from './compliance.ts'
export { type SourceFixture, type TestSource, createTestSource } from './fixture.ts'
export { failsWith, readAll } from './checks.ts'
