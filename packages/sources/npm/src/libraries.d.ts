// What is used of npm's own libraries; they come without types, or with those of other major versions.

declare module '@npmcli/config' {
  interface ConfigOptions {
    definitions: object
    shorthands: object
    flatten: (values: Readonly<Record<string, unknown>>, flat: Record<string, unknown>) => void
    npmPath: string
    env: Record<string, string | undefined>
    argv: readonly string[]
    cwd: string
    execPath: string
    platform: string
    warn: boolean
  }
  class Config {
    constructor(options: ConfigOptions)
    load(): Promise<void>
    readonly flat: Record<string, unknown>
  }
  export { Config as default }
}

declare module '@npmcli/config/lib/definitions/index.js' {
  interface Definition {
    flatten?(key: string, values: Readonly<Record<string, unknown>>, flat: Record<string, unknown>): void
  }
  const library: { readonly definitions: Readonly<Record<string, Definition>>; readonly shorthands: object }
  export { library as default }
}

declare module 'npm-package-arg' {
  export interface PackageSpec {
    readonly type: string
    readonly name: string | null
    readonly fetchSpec: string | null
    readonly escapedName: string | null
  }
  function parse(text: string, where?: string): PackageSpec
  export { parse as default }
}

declare module 'npm-pick-manifest' {
  function pickManifest(packument: object, wanted: string, options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>
  export { pickManifest as default }
}

declare module 'npm-registry-fetch' {
  interface Auth {
    readonly token: string | null
    readonly auth: string | null
    readonly cert: string | null
    readonly key: string | null
  }
  const library: {
    getAuth(url: string, options: Readonly<Record<string, unknown>>): Auth
    pickRegistry(spec: object, options: Readonly<Record<string, unknown>>): string
  }
  export { library as default }
}
