// slash28 completion: scripts for three shells, written from the command tree, so that they cannot lag behind it.

import { Argument, Command } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function completionCommand(): Command {
  return new Command("completion")
    .description("print a completion script for bash, zsh or fish")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText(
      "after",
      [
        "",
        "To use it:",
        "  bash  source <(slash28 completion bash)",
        "  zsh   source <(slash28 completion zsh)",
        "  fish  slash28 completion fish | source",
      ].join("\n"),
    )
    .action((shell: Shell, _options: unknown, command: Command) => {
      const program = command.parent;
      if (program !== null) process.stdout.write(completionScript(shell, program));
    });
}

interface Words {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly flag: string; readonly description: string }[];
  readonly choices: readonly string[];
}

function wordsOf(program: Command): Words[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: [
      ...command.options.map((option) => ({
        flag: option.long ?? option.short ?? "",
        description: option.description,
      })),
      { flag: "--help", description: "show the help" },
    ],
    choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  }));
}

export function completionScript(shell: Shell, program: Command): string {
  const commands = wordsOf(program);
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      return zsh(commands);
    case "fish":
      return fish(commands);
  }
}

const candidates = (words: Words) => [...words.options.map((option) => option.flag), ...words.choices].join(" ");

function bash(commands: readonly Words[]): string {
  return `# bash completion for slash28
_slash28() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands.map((words) => words.name).join(" ")} help"
  else
    case \${COMP_WORDS[1]} in
${commands.map((words) => `      ${words.name}) words="${candidates(words)}" ;;`).join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _slash28 slash28
`;
}

function zsh(commands: readonly Words[]): string {
  const quote = (text: string) => text.replaceAll("'", "'\\''").replaceAll(":", "\\:");
  return `#compdef slash28
# zsh completion for slash28
_slash28() {
  local -a commands candidates
  commands=(
${commands.map((words) => `    '${words.name}:${quote(words.description)}'`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${commands.map((words) => `    ${words.name}) candidates=(${candidates(words)}) ;;`).join("\n")}
  esac
  compadd -a candidates || _files
}
compdef _slash28 slash28
`;
}

function fish(commands: readonly Words[]): string {
  const quote = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  const lines = ["# fish completion for slash28"];
  for (const words of commands) {
    lines.push(`complete -c slash28 -f -n __fish_use_subcommand -a ${words.name} -d '${quote(words.description)}'`);
    for (const option of words.options)
      lines.push(
        `complete -c slash28 -n '__fish_seen_subcommand_from ${words.name}' -l ${option.flag.replace(/^--/, "")} -d '${quote(option.description)}'`,
      );
    if (words.choices.length > 0)
      lines.push(
        `complete -c slash28 -f -n '__fish_seen_subcommand_from ${words.name}' -a '${words.choices.join(" ")}'`,
      );
  }
  return `${lines.join("\n")}\n`;
}
