export { createKaggleSource, createTfhubSource } from './source.ts'
