/** What each shell evaluates: a function that runs `hookbridge complete -- WORD…`. Its output: see completion.ts. */

const bash = [
  '# Completion of hookbridge for bash 4 and newer: source <(hookbridge completion bash)',
  '_hookbridge() {',
  '  local value words=("${COMP_WORDS[@]:1:COMP_CWORD}")',
  '  COMPREPLY=()',
  "  while IFS=$'\\t' read -r value _; do",
  '    if [ "$value" = \':files\' ]; then',
  '      compopt -o default',
  '      return',
  '    fi',
  '    COMPREPLY+=("$value")',
  '  done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)',
  '}',
  'complete -F _hookbridge hookbridge',
]

const zsh = [
  '#compdef hookbridge',
  '# Completion of hookbridge for zsh: source <(hookbridge completion zsh), after compinit',
  '_hookbridge() {',
  '  local value about',
  '  local -a described',
  "  while IFS=$'\\t' read -r value about; do",
  "    if [[ $value == ':files' ]]; then",
  '      _files',
  '      return',
  '    fi',
  '    described+=("${value//:/\\\\:}:$about")',
  '  done < <("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)',
  '  _describe hookbridge described',
  '}',
  'if [[ $funcstack[1] == _hookbridge ]]; then _hookbridge "$@"; else compdef _hookbridge hookbridge; fi',
]

const fish = [
  '# Completion of hookbridge for fish: hookbridge completion fish | source',
  'function __hookbridge_complete',
  '  set -l current (commandline --cut-at-cursor --current-token)',
  '  set -l words (commandline --tokenize --cut-at-cursor --current-process) $current',
  '  set -l lines ($words[1] complete -- $words[2..] 2>/dev/null)',
  '  if test "$lines[-1]" = \':files\'',
  '    __fish_complete_path $current',
  '  else',
  '    string join \\n -- $lines',
  '  end',
  'end',
  "complete --command hookbridge --no-files --arguments '(__hookbridge_complete)'",
]

const lines = { bash, zsh, fish } as const

export type Shell = keyof typeof lines

export const shells = Object.keys(lines)

export function scriptFor(shell: Shell): string {
  return `${lines[shell].join('\n')}\n`
}
