/** A completion script a shell. Each asks `<program> complete --candidates`, so that it never has to be made again. */
export function completionScripts(name: string): Readonly<Record<'bash' | 'zsh' | 'fish', string>> {
  return {
    bash: `# ${name} completion for bash. Load it with: source <(${name} complete bash)
_${name}() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}"
  local -a found
  mapfile -t found < <(${name} complete --candidates -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ "\${found[0]-}" == '@files' ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    COMPREPLY=("\${found[@]}")
    [[ "\${found[0]-}" == */ ]] && compopt -o nospace 2>/dev/null
  fi
}
complete -F _${name} ${name}
`,
    zsh: `#compdef ${name}
# ${name} completion for zsh. Put it into a folder of $fpath as _${name}, or: source <(${name} complete zsh)
_${name}() {
  local -a found
  found=("\${(@f)$(${name} complete --candidates -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${found[1]}" == '@files' ]]; then
    _files
  elif [[ "\${found[1]}" == */ ]]; then
    compadd -S '' -- "\${(@)found:#}"
  else
    compadd -- "\${(@)found:#}"
  fi
}
if [[ "\${funcstack[1]}" == '_${name}' ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`,
    fish: `# ${name} completion for fish. Save it as ~/.config/fish/completions/${name}.fish
function __${name}_candidates
    set -l words (commandline -opc) (commandline -ct)
    set -l found (${name} complete --candidates -- $words[2..-1] 2>/dev/null)
    if test "$found[1]" = '@files'
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c ${name} -f -a '(__${name}_candidates)'
`,
  }
}
