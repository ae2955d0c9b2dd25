/** All branches, tags and pull requests of a repository: PyTorch's own, with 200,000, are 14 MiB. */
export const REFS_BYTES_MAX = 64 * 1024 * 1024
/** A file of Python that is read for addresses: torchvision's largest has 60 KiB. */
export const CODE_BYTES_MAX = 512 * 1024
/** Names of one file that are looked after, of a kind: enums, helpers, constants, imports. Each costs a reading of the file. */
export const NAMES_MAX = 200
/** Files of one repository that are read for one entry: the modules that its `hubconf.py` names, and those that they name. */
export const CODE_FILES_MAX = 24
/** From `hubconf.py` over packages to the module that has the entry. */
export const IMPORT_DEPTH_MAX = 4
/** A licence's text. */
export const LICENCE_BYTES_MAX = 256 * 1024
/** Names in an error. */
export const NAMES_SHOWN = 12
