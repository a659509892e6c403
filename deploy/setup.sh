# shellcheck shell=bash
# Packages, configuration, build and tests, for deploy/run, tests/run, tests/tsan and .ci/run, which source it.
# Decides: what is missing, how it is installed, when CMake must configure. Leaves to CMakePresets.json: the
# options of each build; to the caller: which of them, and what is done with it.
# Nothing is asked of the user, and what is already done is not done again.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top" || exit

say() { printf 'tutti: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# missing_packages PURPOSE...: prints the packages of deploy/packages/PURPOSE that this machine lacks.
missing_packages() {
  local purpose package command wanted=() installed
  for purpose in "$@"; do
    while read -r package command; do
      [[ -z $package || $package == \#* ]] && continue
      [[ -n $command ]] && command -v "$command" >/dev/null && continue
      wanted+=("$package")
    done <"deploy/packages/$purpose"
  done
  ((${#wanted[@]})) || return 0
  # dpkg-query fails if it has never heard of one of them, and prints the others all the same.
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
    sed -n 's/^installed //p') || true
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(sort -u <<<"$installed")
}

# need PURPOSE...: installs what is missing of deploy/packages/PURPOSE.
need() {
  local missing root=()
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  say "installing ${#missing[@]} missing Debian packages: ${missing[*]}"
  command -v apt-get >/dev/null || die "there is no apt-get here; install them by other means and try again"
  if (($(id -u))); then
    command -v sudo >/dev/null || die "that takes root or sudo; become root, or install them, and try again"
    root=(sudo)
    # Without a terminal sudo must fail and not wait for a password.
    [[ -t 0 ]] || root+=(-n)
  fi
  # Noninteractive, every question takes its default; tshark's (may all users capture?) is no.
  root+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
  "${root[@]}" update >&2 || say "apt-get update failed; trying with the package lists that are here"
  "${root[@]}" install --no-install-recommends "${missing[@]}" >&2 </dev/null ||
    die "apt-get could not install them; its messages above say why"
}

# apt_sources: prints the file that tells where this machine's Debian comes from.
apt_sources() {
  local file
  for file in /etc/apt/sources.list.d/*debian.sources /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    grep -qs '^[^#]*bookworm' "$file" && echo "$file" && return
  done
  die "no file under /etc/apt tells where this machine's Debian comes from"
}

# need_npm FOLDER: installs the npm packages of FOLDER's lock file, if they are not the ones that are there.
need_npm() {
  [[ $1/node_modules/.package-lock.json -nt $1/package-lock.json ]] && return
  say "installing the npm packages of $1"
  (cd "$1" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund >&2 </dev/null) ||
    die "npm could not install the packages of $1"
}

# jobs: how many compilers to run at once; a unit with CAF and Asio takes up to 1 GiB.
jobs() {
  awk -v cores="$(nproc)" '/^MemAvailable:/ { n = int($2 / 1048576) }
    END { print n < 1 ? 1 : n < cores ? n : cores }' /proc/meminfo
}

# configure PRESET FOLDER: only if FOLDER is not configured so already; when a CMakeLists.txt changes, the
# build itself configures again. In CI warnings are errors. A generator chosen by hand is kept.
configure() {
  local wanted generator options=()
  [[ -n ${CI:-} ]] && options+=(-DTUTTI_WERROR=ON)
  wanted="$1 ${options[*]} $(cksum <CMakePresets.json)"
  [[ -f $2/configured && $(<"$2/configured") == "$wanted" ]] && return
  generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$2/CMakeCache.txt" 2>/dev/null) || true
  [[ -n $generator ]] && options+=(-G "$generator")
  say "configuring $2"
  cmake --preset "$1" "${options[@]}" >&2 || die "CMake could not configure $2"
  echo "$wanted" >"$2/configured"
}

# build FOLDER [OPTION of cmake --build]...
build() {
  cmake --build "$1" --parallel "$(jobs)" "${@:2}" >&2 || die "the build in $1 failed"
}
