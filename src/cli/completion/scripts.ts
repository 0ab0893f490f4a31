/** The scripts that teach a shell to ask `pipeline __complete`. They hold no commands and no options, so they need not be made again for a new version. */
export type Shell = 'bash' | 'zsh' | 'fish';

/** Bash splits words at = and : (COMP_WORDBREAKS) and replaces only the last piece, so pieces are joined before asking and cut off the answers. Works without bash-completion. */
const BASH = String.raw`# bash completion of pipeline. Load it with: source <(pipeline completion bash)
_pipeline() {
  local fragment="$2" part line value word i last=-1 glue=0 open=0
  local words=()
  for ((i = 1; i <= COMP_CWORD; i++)); do
    part="${'$'}{COMP_WORDS[i]}"
    if ((i == COMP_CWORD)) && [[ ! $part =~ ^[=:]+$ ]]; then part="$fragment"; fi
    if ((last >= 0)) && { ((glue)) || [[ $part =~ ^[=:] ]]; }; then
      words[last]+="$part"
    else
      last=$((last + 1))
      words[last]="$part"
    fi
    [[ $part =~ [=:]$ ]] && glue=1 || glue=0
  done
  if [[ $part =~ ^[=:]+$ ]]; then fragment=''; fi
  fragment="${'$'}{fragment//\\/}"
  word="${'$'}{words[last]//\\/}"
  words[last]="$word"
  COMPREPLY=()
  while IFS= read -r line; do
    value="${'$'}{line%%$'\t'*}"
    [[ $line == *$'\t+' ]] && open=1
    value="${'$'}{value:$((${'$'}{#word} - ${'$'}{#fragment}))}"
    [[ $value =~ ^[A-Za-z0-9_@%+=:,./~-]*$ ]] || printf -v value '%q' "$value"
    COMPREPLY+=("$value")
  done < <("$1" __complete "${'$'}{words[@]}" 2>/dev/null)
  if ((open)); then compopt -o nospace 2>/dev/null; fi
}
complete -F _pipeline pipeline
`;

const ZSH = String.raw`#compdef pipeline
# zsh completion of pipeline. Load it with: source <(pipeline completion zsh), or save it as _pipeline in a folder of $fpath
_pipeline() {
  local -a asked closed closed_shown open open_shown
  local line value rest
  asked=("${'$'}{(@Q)words[2,CURRENT-1]}" "${'$'}{(Q)PREFIX}")
  for line in "${'$'}{(@f)$(pipeline __complete "${'$'}{asked[@]}" 2>/dev/null)}"; do
    [[ -z $line ]] && continue
    value="${'$'}{line%%$'\t'*}"
    rest="${'$'}{line#*$'\t'}"
    if [[ $rest == *$'\t+' ]]; then
      rest="${'$'}{rest%$'\t+'}"
      open+=("$value")
      open_shown+=("$value${'$'}{rest:+  -- $rest}")
    else
      closed+=("$value")
      closed_shown+=("$value${'$'}{rest:+  -- $rest}")
    fi
  done
  (( ${'$'}#closed )) && compadd -l -d closed_shown -a closed
  (( ${'$'}#open )) && compadd -l -S '' -d open_shown -a open
}
if [[ "$funcstack[1]" == _pipeline ]]; then _pipeline "$@"; else compdef _pipeline pipeline; fi
`;

const FISH = String.raw`# fish completion of pipeline. Load it with: pipeline completion fish | source
function __pipeline_complete
    set -l words (commandline -opc)
    set -e words[1]
    pipeline __complete $words (commandline -ct | string collect --allow-empty) 2>/dev/null | string replace -r '\t\+$' ''
end
complete -c pipeline -f -k -a '(__pipeline_complete)'
`;

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
