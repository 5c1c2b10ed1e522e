/** Messages and hints for syntax errors. */
import type { YAMLError } from 'yaml'

const syntax: Partial<Record<YAMLError['code'], readonly [message: string, hint: string]>> = {
  ALIAS_PROPS: ['an alias cannot have an anchor or a tag', 'remove one of the two'],
  BAD_ALIAS: ['an alias without a name', 'put a value that starts with * in quotes'],
  BAD_DQ_ESCAPE: ['an unknown escape in double quotes', 'write \\\\ for a backslash, or use single quotes'],
  BAD_INDENT: [
    'wrong indentation, or a bracket that is never closed',
    'align the keys of a mapping; close every { and [; put a value that contains # in quotes, because # starts a comment',
  ],
  BAD_SCALAR_START: ['a value cannot start with this character', 'put the value in quotes'],
  BLOCK_AS_IMPLICIT_KEY: [
    'a mapping where a value was expected',
    'put a value that contains ": " in quotes, or start the mapping on the next line, indented',
  ],
  BLOCK_IN_FLOW: [
    'a list or mapping in lines within { } or [ ]',
    'write all of it in brackets, or none of it',
  ],
  DUPLICATE_KEY: ['a duplicate key', 'keep one'],
  MISSING_CHAR: ['a quote, comma, colon or bracket is missing', 'look here and on the line above'],
  MULTILINE_IMPLICIT_KEY: ['a key without its colon', 'write `key: value`, and check the indentation'],
  MULTIPLE_DOCS: ['a second document', 'remove the line ---'],
  RESOURCE_EXHAUSTION: ['nested too deeply', 'remove brackets'],
  TAB_AS_INDENT: ['a tab as indentation', 'indent with spaces'],
  TAG_RESOLVE_FAILED: ['an unknown tag', 'put a value that starts with ! in quotes'],
  UNEXPECTED_TOKEN: [
    'unexpected character',
    'inside brackets, put a value that contains quotes, brackets or ${…} in quotes',
  ],
}

/** The parser's own messages quote the file, and could contain a secret; these do not. */
export function describeSyntaxError({ code }: YAMLError): readonly [message: string, hint: string] {
  const [message, hint] = syntax[code] ?? ['this is not YAML', 'check quotes, brackets and indentation']
  return [`not valid YAML: ${message}`, hint]
}
