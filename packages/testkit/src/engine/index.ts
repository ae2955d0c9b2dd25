export { type EngineComplianceOptions, type Sample, engineCompliance } from './engine-compliance.ts'
export { EngineUnderTest, type Exit } from './engine-under-test.ts'
export { type FixtureFiles, type ModelFixture, layOut } from './fixture.ts'
