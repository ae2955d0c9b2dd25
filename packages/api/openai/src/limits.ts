/** Parts of a form. All the fields there are make ten; millions of empty ones would hold everybody up. */
export const FORM_PARTS_MAX = 64
/** A boundary, by the standard. */
export const BOUNDARY_LENGTH_MAX = 70
