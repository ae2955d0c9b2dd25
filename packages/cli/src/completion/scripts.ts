/** A completion script a shell. Each asks `soma complete --candidates`, so that it never has to be made again. */
export const completionScripts: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  bash: `# soma completion for bash. Load it with: source <(soma complete bash)
_soma() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}"
  local -a found
  mapfile -t found < <(soma complete --candidates -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ "\${found[0]-}" == '@files' ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    COMPREPLY=("\${found[@]}")
  fi
}
complete -F _soma soma
`,
  zsh: `#compdef soma
# soma completion for zsh. Put it into a folder of $fpath as _soma, or: source <(soma complete zsh)
_soma() {
  local -a found
  found=("\${(@f)$(soma complete --candidates -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${found[1]}" == '@files' ]]; then
    _files
  else
    compadd -- "\${(@)found:#}"
  fi
}
if [[ "\${funcstack[1]}" == '_soma' ]]; then _soma "$@"; else compdef _soma soma; fi
`,
  fish: `# soma completion for fish. Save it as ~/.config/fish/completions/soma.fish
function __soma_candidates
    set -l words (commandline -opc) (commandline -ct)
    set -l found (soma complete --candidates -- $words[2..-1] 2>/dev/null)
    if test "$found[1]" = '@files'
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c soma -f -a '(__soma_candidates)'
`,
}
