// Writes down what this machine says of its hardware, for packages/testkit/src/machines: `node scripts/record-machine.ts "<about>" > name.json`.
import { createHardware, readThisMachine, systemClock } from '@soma/host'
import { recordMachine } from '@soma/testkit/machines'

const { reader, recording } = recordMachine(readThisMachine(process.env), process.argv[2] ?? 'a machine')
const facts = await createHardware({ machine: reader, clock: systemClock }).look()
process.stdout.write(`${JSON.stringify(recording, undefined, 2)}\n`)
process.stderr.write(`${JSON.stringify(facts, undefined, 2)}\n`)
