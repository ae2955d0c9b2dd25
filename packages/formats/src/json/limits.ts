/** Values inside all lists and objects of one text: 200,000 tensors, and a second's work. */
export const JSON_ITEMS_MAX = 2_500_000
