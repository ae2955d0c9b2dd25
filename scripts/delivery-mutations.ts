import type { Area } from './mutation-list.ts'

/** Guards of where models come from: whom credentials go to, what is stored of them, what the policies are asked about. */
export const delivery: readonly Area[] = [
  {
    file: 'spec/src/source/v1/settings.ts',
    tests: ['spec/src/source/v1/settings.test.ts'],
    mutations: { 'a token goes to every server': ['new URL(url).origin === origin', 'true'] },
  },
  {
    file: 'spec/src/source/v1/public-url.ts',
    tests: ['spec/src/source/v1/naming.test.ts'],
    mutations: {
      'a reference keeps its password': ['`${scheme}/${publicUrl(address)}', '`${scheme}/${address.replace(hash, "")}'],
      'a reference keeps the secret behind its #': ["isSecret ? '' : hash", 'hash'],
    },
  },
  {
    file: 'models/src/install/register.ts',
    tests: ['models/src/install/knowledge.test.ts', 'models/src/install/url.test.ts'],
    mutations: {
      'a spelling of its own passes the licence policy': [
        'licenceOf(manifest.metadata.license) ?? null',
        'manifest.metadata.license ?? null',
      ],
      'credentials are kept in the record': ['wanted: publicReference(context.input.reference)', 'wanted: context.input.reference'],
    },
  },
  {
    file: 'models/src/install/plan.ts',
    tests: ['models/src/signing/policy.test.ts'],
    mutations: { 'what is installed need not meet the signature policy': ['if (ruling.refusal) return false', ''] },
  },
  {
    file: 'sources/oci/src/upload.ts',
    tests: ['sources/oci/src/publish.test.ts'],
    mutations: { 'a registry may have fewer bytes than it took': ['next.offset > blob.sizeBytes', 'false'] },
  },
]
