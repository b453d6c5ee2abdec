// What each shell is told to do at the Tab key: ask `matyan __complete`, and show the answer its own way.

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** Bash splits words at `=` and `:` and has no descriptions; a candidate replaces only what stands behind the last of them. */
const bash = `# matyan: completion for bash
_matyan() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" line value paths="" split=""
  local typed="\${cur#[\\"\\']}"
  [ "$typed" = "=" ] && typed=""
  [ "$cur" = ":" ] || [ "\${COMP_WORDS[COMP_CWORD-1]}" = ":" ] && split=":"
  COMPREPLY=()
  while IFS= read -r line; do
    if [ -z "$paths" ]; then paths="$line"; continue; fi
    value="\${line%%$'\\t'*}"
    case "$value" in --*=*) case "$COMP_WORDBREAKS" in *=*) value="\${value#*=}";; esac;; esac
    [ -n "$split" ] && value="\${value#*:}"
    case "$cur" in
      [\\"\\']*) COMPREPLY+=("$value") ;;
      *) COMPREPLY+=("$(printf '%q' "$value")") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "$typed" 2>/dev/null)
  case "$paths" in
    files) compopt -o filenames 2>/dev/null; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$typed") ;;
    folders) compopt -o filenames 2>/dev/null; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$typed") ;;
  esac
}
complete -F _matyan matyan
`;

const zsh = `#compdef matyan
# matyan: completion for zsh
_matyan() {
  local -a lines values
  local line paths
  lines=("\${(@f)$("\${words[1]}" __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  paths="\${lines[1]}"
  for line in "\${(@)lines[2,-1]}"; do
    [[ -z "$line" ]] && continue
    if [[ "$line" == *$'\\t'* ]]; then
      values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    else
      values+=("\${line//:/\\\\:}")
    fi
  done
  (( \${#values} )) && _describe -V -t matyan matyan values
  case "$paths" in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
if [[ "\${funcstack[1]}" == "_matyan" ]]; then
  _matyan "$@"
else
  compdef _matyan matyan
fi
`;

const fish = `# matyan: completion for fish
function __matyan_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    string join \\n -- $lines[2..-1]
    switch "$lines[1]"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current" ''
    end
end
complete -c matyan -f -k -a '(__matyan_complete)'
`;

export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
