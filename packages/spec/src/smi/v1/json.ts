import { JSON_DEPTH_MAX, isJson } from '@soma/core'
import { z } from 'zod'

/** Any JSON value. Not `z.json()`, whose union is tried anew at every level. */
export const Json = z.custom<z.core.util.JSONType>((value) => isJson(value, JSON_DEPTH_MAX), 'expected a JSON value')
