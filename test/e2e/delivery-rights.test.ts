// What a token with a few rights gets when it reaches for more, by every way that deliveries have opened.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Soma, connect } from '@soma/sdk'
import { tinySafetensors } from '@soma/testkit/formats'
import { zipOf } from '@soma/testkit/server'
import { outputOf, refused } from './attack.ts'
import { DeliveryWorld } from './delivery-world.ts'

const whole = {
  'config.json': '{"architectures":["BertModel"],"model_type":"bert"}',
  'model.safetensors': Buffer.from(tinySafetensors()),
}
const evil = zipOf({
  'archive/data.pkl': Buffer.from('\x80\x02cposix\nsystem\n(X\x02\x00\x00\x00idtR.', 'latin1'),
  'archive/version': '3\n',
})

describe('a token that may do everything to models called team-*, and read Hugging Face', () => {
  let world: DeliveryWorld
  let owner: Soma
  let narrow: Soma
  before(async () => {
    world = await DeliveryWorld.start()
    owner = world.owner
    const { token } = await owner.capability.issue({
      grants: [
        { resource: 'model/team-*', rights: ['read', 'list', 'install', 'load', 'invoke', 'remove'] },
        { resource: 'source/hf', rights: ['read'] },
      ],
    })
    narrow = await connect({ url: world.daemon.url, token })
    await outputOf(owner.model.install({ reference: world.add('acme/secret', whole), name: 'secret-model' }))
    await outputOf(narrow.model.install({ reference: world.add('acme/open', whole), name: 'team-open' }))
  })
  after(async () => {
    await narrow?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  test('sees nothing of the others: not in lists, searches and usage, and no name in a suggestion', async () => {
    assert.deepEqual(
      (await narrow.model.list()).models.map(({ name }) => name),
      ['team-open'],
    )
    const { hits } = await narrow.model.search({ query: 'acme' })
    assert.ok(hits.length >= 2 && !JSON.stringify(hits).includes('secret-model'))
    assert.ok(!JSON.stringify(await narrow.model.usage()).includes('secret-model'))
    const guesses = 'team-opens-secret-model-and-others'
    const asked = [
      () => narrow.model.show({ model: guesses }),
      () => narrow.model.rollback({ model: guesses }),
      () => narrow.model.infer({ model: guesses, inputs: [] }),
      () => narrow.model.alias({ alias: 'team-alias', model: guesses }),
      () => outputOf(narrow.model.verify({ model: guesses })),
      () => outputOf(narrow.model.update({ model: guesses })),
      () => outputOf(narrow.model.register({ reference: guesses })),
    ]
    for (const call of asked) {
      const { message, details } = await refused(call(), 'model/not-found')
      assert.ok(!`${message.replace(guesses, '')}${JSON.stringify(details['nearest'])}`.includes('secret-model'), message)
    }
    assert.match((await refused(narrow.model.show({ model: 'team-opem' }), 'model/not-found')).message, /did you mean team-open\?/)
  })

  test('reaches no other model by calling it what it may call its own', async () => {
    await refused(
      outputOf(narrow.model.register({ reference: 'secret-model', name: 'team-x' })),
      'capability/denied',
      /model\/secret-model/,
    )
    await refused(narrow.model.alias({ alias: 'team-x', model: 'secret-model' }), 'capability/denied', /model\/secret-model/)
    await refused(outputOf(narrow.model.install({ reference: 'hf/acme/open' })), 'capability/denied')
  })

  test('reads no other source, and no file of the machine', async () => {
    const file = `file/${await world.lay('files', whole)}`
    for (const reference of [file, 'url/http://127.0.0.1:9/x.gguf', 'oci/127.0.0.1:9/a/b']) {
      await refused(narrow.model.info({ reference }), 'capability/denied', /source\//)
      await refused(outputOf(narrow.model.install({ reference, name: 'team-x' })), 'capability/denied', /source\//)
      await refused(outputOf(narrow.model.update({ model: 'team-open', to: reference })), 'capability/denied', /source\//)
    }
    await refused(narrow.model.unpack({ path: '/etc/passwd', folder: '/tmp/x' }), 'capability/denied', /host\/files/)
    await refused(outputOf(narrow.model.pack({ model: 'team-open', path: '/tmp/x.axon' })), 'capability/denied', /host\/files/)
    await refused(outputOf(narrow.model.publish({ model: 'team-open', reference: 'oci/127.0.0.1:9/a/b:1' })), 'capability/denied')
    // What somebody else installed from elsewhere is not followed for it either.
    await outputOf(owner.model.install({ reference: file, name: 'team-filed' }))
    await refused(outputOf(narrow.model.update({ model: 'team-filed' })), 'capability/denied', /source\/file/)
  })

  test('uses what an alias of its own stands for, and does not change it', async () => {
    await owner.model.alias({ alias: 'team-alias', model: 'secret-model' })
    const { model } = await narrow.model.show({ model: 'team-alias' })
    assert.equal(model.name, 'secret-model')
    await refused(outputOf(narrow.model.update({ model: 'team-alias', to: 'hf/acme/open' })), 'capability/denied', /model\/secret-model/)
    await refused(narrow.model.pin({ model: 'team-alias' }), 'capability/denied', /model\/secret-model/)
    await refused(narrow.model.rollback({ model: 'team-alias' }), 'capability/denied', /model\/secret-model/)
    await refused(outputOf(narrow.model.install({ reference: 'hf/acme/open', name: 'team-alias', replace: true })), 'model/exists')
    // The alias is its own to take away; the model stays.
    await narrow.model.remove({ model: 'team-alias' })
    assert.equal((await owner.model.show({ model: 'secret-model' })).model.pinned, false)
  })

  test('does not go back past the policy of today: licence, signature, unsafe files', async () => {
    const nc = { ...whole, 'README.md': '---\nlicense: cc-by-nc-4.0\n---\n' }
    await outputOf(owner.model.install({ reference: world.add('acme/nc', nc), name: 'team-nc' }))
    await outputOf(narrow.model.update({ model: 'team-nc', to: 'hf/acme/open' }))
    await world.set('licencesRefused', ['*-NC-*'])
    await refused(narrow.model.rollback({ model: 'team-nc' }), 'package/licence-refused', /CC-BY-NC-4\.0/)
    await world.set('licencesRefused', [])
    await world.set('signatures', 'enforce')
    await refused(narrow.model.rollback({ model: 'team-nc' }), 'package/unsigned', /is not signed/)
    await world.set('signatures', 'off')
    assert.equal((await narrow.model.rollback({ model: 'team-nc' })).model.licence, 'CC-BY-NC-4.0')

    const bin = { 'config.json': whole['config.json'], 'pytorch_model.bin': Buffer.from(evil) }
    await outputOf(owner.model.install({ reference: world.add('acme/evil', bin), name: 'team-evil', allowUnsafe: true }))
    await outputOf(narrow.model.update({ model: 'team-evil', to: 'hf/acme/open' }))
    await refused(narrow.model.rollback({ model: 'team-evil' }), 'capability/denied', /host\/unsafe-models/)
    assert.equal((await owner.model.rollback({ model: 'team-evil' })).model.format, 'pytorch')
  })
})
