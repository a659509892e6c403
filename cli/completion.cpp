#include "cli/completion.hpp"

#include <algorithm>

namespace tutti::cli {

namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  auto found = app.get_subcommands([](const CLI::App*) { return true; });
  return {found.begin(), found.end()};
}

std::string names_of(const std::vector<const CLI::App*>& commands) {
  std::string out;
  for (auto one : commands)
    out += (out.empty() ? "" : " ") + one->get_name();
  return out;
}

std::vector<const CLI::Option*> flags_of(const CLI::App& command) {
  std::vector<const CLI::Option*> out;
  for (auto option : command.get_options())
    if (!option->get_lnames().empty())
      out.push_back(option);
  return out;
}

/// The commands of which an argument or an option is this kind of thing.
bool takes(const CLI::App& command, const std::string& type) {
  auto options = command.get_options();
  return std::any_of(options.begin(), options.end(), [&](const CLI::Option* one) {
    return one->get_type_name() == type && one->get_lnames().empty();
  });
}

/// What may stand in a shell's single quotes.
std::string quoted(const std::string& text) {
  std::string out;
  for (char c : text)
    if (c == '\'')
      out += "'\\''";
    else if (c == '[' || c == ']' || c == ':')
      out += std::string("\\") + c;
    else
      out += c == '\n' ? ' ' : c;
  return out;
}

} // namespace

std::string bash_completion(const CLI::App& app) {
  auto commands = commands_of(app);
  std::string out =
      "# Completions of tutti for bash; made by `tutti completion bash`.\n"
      "_tutti() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local IFS=$' \\t\\n'\n"
      "  COMPREPLY=()\n"
      "  case $before in\n"
      "    --config|-c|--ca|--token-file) COMPREPLY=($(compgen -f -- \"$word\")); "
      "return ;;\n"
      "    --log-level|log-level) COMPREPLY=($(compgen -W \"trace debug info warning "
      "error off\" -- \"$word\")); return ;;\n"
      "    --remember) COMPREPLY=($(compgen -W \"once restart always\" -- "
      "\"$word\")); return ;;\n"
      "    completion) COMPREPLY=($(compgen -W \"bash zsh\" -- \"$word\")); return ;;\n"
      "    check) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
      "  esac\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"" +
      names_of(commands) +
      " --help --version\" -- \"$word\")); return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n";
  for (auto command : commands) {
    std::string words;
    for (auto option : flags_of(*command))
      for (const auto& name : option->get_lnames())
        words += (words.empty() ? "--" : " --") + name;
    out +=
        "    " + command->get_name() + ") COMPREPLY=($(compgen -W \"" + words + "\" -- \"$word\"))";
    // Ids have blanks, so they come a line each.
    if (takes(*command, "PORT"))
      out += "\n      [[ $word == -* ]] || { IFS=$'\\n'; COMPREPLY=($(compgen -W \"$(tutti ports "
             "--json 2>/dev/null | sed -n 's/^ *\"id\": \"\\(.*\\)\",$/\\1/p')\" -- \"$word\")); "
             "compopt -o filenames 2>/dev/null; }";
    out += " ;;\n";
  }
  return out + "  esac\n}\ncomplete -F _tutti tutti\n";
}

std::string zsh_completion(const CLI::App& app) {
  std::string out = "#compdef tutti\n"
                    "# Completions of tutti for zsh; made by `tutti completion zsh`.\n"
                    "_tutti_ports() {\n"
                    "  local -a ids\n"
                    "  ids=(${(f)\"$(tutti ports --json 2>/dev/null | sed -n 's/^ *\"id\": "
                    "\"\\(.*\\)\",$/\\1/p')\"})\n"
                    "  compadd -a ids\n"
                    "}\n"
                    "_tutti() {\n"
                    "  local -a commands=(\n";
  auto commands = commands_of(app);
  for (auto command : commands)
    out += "    '" + quoted(command->get_name()) + ":" + quoted(command->get_description()) + "'\n";
  out += "  )\n"
         "  if (( CURRENT == 2 )); then\n"
         "    _describe command commands\n"
         "    return\n"
         "  fi\n"
         "  case $words[2] in\n";
  for (auto command : commands) {
    out += "    " + command->get_name() + ")\n      _arguments";
    for (auto option : flags_of(*command)) {
      auto argument = option->get_items_expected_max() > 0
                          ? ":" + quoted(option->get_type_name()) + ":" +
                                (option->get_type_name() == "FILE" ? "_files" : "")
                          : std::string();
      for (const auto& name : option->get_lnames())
        out.append(" \\\n        '--")
            .append(name)
            .append("[")
            .append(quoted(option->get_description()))
            .append("]")
            .append(argument)
            .append("'");
    }
    if (takes(*command, "PORT"))
      out += " \\\n        '*:port:_tutti_ports'";
    else if (takes(*command, "FILE"))
      out += " \\\n        '*:file:_files'";
    out += " ;;\n";
  }
  return out + "  esac\n}\n_tutti \"$@\"\n";
}

} // namespace tutti::cli
