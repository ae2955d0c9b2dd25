// `npm run chaos [-- --seconds N] [--seed N] [--clients N] [--kill-every-ms N]`: mixed load on a daemon of its own whose engines are
// killed at random. Ends with 1 at the first call that is lost, answered wrongly, or fails without saying why.
import { parseArgs } from 'node:util'
import { runChaos } from '../test/e2e/chaos-world.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    clients: { type: 'string', default: '12' },
    'kill-every-ms': { type: 'string', default: '500' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log('npm run chaos [-- --seconds 300] [--seed N] [--clients 12] [--kill-every-ms 500]')
else
  await runChaos({
    seed: Number(values.seed),
    seconds: Number(values.seconds),
    clients: Number(values.clients),
    killEveryMs: Number(values['kill-every-ms']),
    report: (line) => console.log(line),
  })
