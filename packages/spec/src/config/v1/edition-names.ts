/** Named configurations: what a machine is mostly used for. */
export const editionNames = ['standard', 'gaming', 'developer', 'creator', 'minimal', 'security'] as const
