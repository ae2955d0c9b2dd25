export { arbitraryOf } from './arbitrary.ts'
export { type FaceComplianceOptions, faceCompliance } from './compliance.ts'
export { type AnyCalls, FAKE_TOKEN, FakeDispatcher, type FakeCall, type FakeHandler, callsOfTable } from './fake-dispatcher.ts'
export { type FaceFixture, type FaceUnderTest, behave, settled, until } from './fixture.ts'
