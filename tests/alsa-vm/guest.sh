# What is tested inside of the machine that tests/alsa-vm/run makes; busybox's sh runs it.
# The hub's TCP listener is where its events are seen, and its log tells which ports are up.
failures=0
ok() { echo "ok   $*"; }
bad() { echo "FAIL $*"; failures=$((failures + 1)); }
# check TEXT COMMAND...
check() {
  text=$1
  shift
  if "$@"; then ok "$text"; else bad "$text"; fi
}
# within STEPS COMMAND...: tries every 50 ms
within() {
  steps=$1
  shift
  while [ "$steps" -gt 0 ]; do
    "$@" && return 0
    usleep 50000
    steps=$((steps - 1))
  done
  return 1
}
logged() { grep -q "$1" /tmp/hub.log; }
# logged_times PATTERN COUNT
logged_times() { [ "$(grep -c "$1" /tmp/hub.log)" -ge "$2" ]; }
# heard HEX: among what TCP clients have got since the last `fresh`
heard() { tail -c "+$((mark + 1))" /tmp/heard | hexdump -v -e '1/1 "%02x"' | grep -q "$1"; }
fresh() { mark=$(wc -c </tmp/heard); }
# play BYTES: as printf writes them, from a TCP client
play() { printf "$1" >&3; }

cat >/tmp/tutti.json <<'EOF'
{ "sessions": [{ "name": "vm", "port": 5004, "bind": ["127.0.0.1"] }],
  "discovery": { "mode": "off" },
  "local": { "jack": { "enabled": false },
             "alsa": { "export": { "mode": "hardware", "include": ["aseqdump:*"] },
                       "virtual_ports": [ { "name": "Network" }, { "name": "Out only", "direction": "out" } ] } },
  "tcp": { "listen": [{ "name": "tap", "port": 9000 }] },
  "log": { "level": "debug" } }
EOF
tutti serve --config /tmp/tutti.json >/tmp/hub.out 2>/tmp/hub.log &
hub=$!
within 200 logged 'TCP listener "tap" takes MIDI' || bad "the hub does not start"
mkfifo /tmp/to
nc 127.0.0.1 9000 </tmp/to >/tmp/heard &
exec 3>/tmp/to
within 60 logged 'port tcp/tap/127.0.0.1 is up' || bad "no TCP client"
fresh

echo "--- virtual ports"
within 60 logged 'port alsa/Tutti/Network is up'
aconnect -l >/tmp/l
check "aconnect shows the hub's client and ports" sh -c "grep -q \"client.*'Tutti'\" /tmp/l && grep -q Network /tmp/l && grep -q 'Out only' /tmp/l"
check "what is for the hub alone is hidden" sh -c "! grep -q announcements /tmp/l"
# A standard MIDI file with two notes, and one with program 5 first.
printf 'MThd\0\0\0\6\0\0\0\1\0\140MTrk\0\0\0\24\0\220\74\100\30\200\74\0\0\220\100\100\30\200\100\0\0\377\57\0' >/tmp/two.mid
aplaymidi -p Tutti:0 /tmp/two.mid
check "aplaymidi is heard" within 40 heard 903c40803c00904040804000
aseqdump -p Tutti:0 >/tmp/dump &
dump=$!
within 60 logged 'port alsa/aseqdump/aseqdump is up' || bad "aseqdump is opened by rule"
play '\220\76\144\200\76\100'
check "aseqdump at a virtual port hears TCP" within 40 grep -q 'Note on.*62' /tmp/dump

echo "--- clients of one name"
aseqdump >/tmp/dump2 &
second=$!
check "the second one of a name is numbered" within 40 logged 'port alsa/aseqdump (2)/aseqdump is up'
play '\220\77\144\200\77\100'
check "both hear" sh -c "sleep 1; grep -q 'Note on.*63' /tmp/dump2 && grep -q 'Note on.*63' /tmp/dump"
kill -9 $dump
check "a client that is killed is away" within 10 logged 'port alsa/aseqdump/aseqdump is away'
aseqdump >/tmp/dump3 &
third=$!
check "another one of the name takes its place" within 40 logged_times 'port alsa/aseqdump/aseqdump is up' 2
check "the second kept its own" sh -c "! grep -q 'aseqdump (2)/aseqdump is away' /tmp/hub.log"

echo "--- hot-plug of a card"
insmod /mod/snd-virmidi.ko midi_devs=1
check "a card that arrives is opened within 200 ms" within 4 logged 'port alsa/Virtual Raw MIDI [0-9]-0/VirMIDI [0-9]-0 is up'
fresh
amidi -p hw:0,0 -S "90 3C 40"
check "what a card plays is heard" within 40 heard 903c40
# Taken out as a plug would be: the driver lets go of it whoever uses it.
unplug() { echo snd_virmidi.0 >/sys/bus/platform/drivers/snd_virmidi/unbind; }
plug() { echo snd_virmidi.0 >/sys/bus/platform/drivers/snd_virmidi/bind; }
unplug
check "a card that leaves is away within 200 ms" within 4 logged 'Virtual Raw MIDI [0-9]-0/VirMIDI [0-9]-0 is away'
check "what it left sounding is released" within 40 heard 803c40
plug
check "a card that returns is the same port" within 40 logged_times 'port alsa/Virtual Raw MIDI [0-9]-0/VirMIDI [0-9]-0 is up' 2
sleep 1
amidi -p hw:0,0 -r /tmp/raw &
raw=$!
sleep 1
play '\220\101\144\200\101\100'
raw_heard() { hexdump -v -e '1/1 "%02x"' /tmp/raw | grep -q 904164804140; }
check "a card hears TCP" within 60 raw_heard
kill $raw

echo "--- SysEx of 64 KiB"
{ printf '\360'; dd if=/dev/zero bs=1024 count=64 2>/dev/null | tr '\000' '\025'; printf '\367'; } >/tmp/sysex
fresh
# Faster than any cable, but not as fast as memory: the kernel keeps 2000 cells for a client and drops the rest.
exec 4>/dev/snd/midiC0D0
i=0
while [ $i -le 64 ]; do
  dd if=/tmp/sysex bs=1024 skip=$i count=1 >&4 2>/dev/null
  usleep 5000
  i=$((i + 1))
done
exec 4>&-
got() { tail -c "+$((mark + 1))" /tmp/heard | head -c 65538 | cmp -s - /tmp/sysex; }
check "from a card to TCP, octet by octet" within 200 got
dumped() { grep 'System exclusive' /tmp/dump2 | tr -s ' ' '\n' | grep -c '^15$'; }
dumped_all() { [ "$(dumped)" -ge "$1" ]; }
check "from a card to a program" within 200 dumped_all 65536
dd if=/tmp/sysex bs=65538 count=1 >&3 2>/dev/null
check "from TCP to a program" within 200 dumped_all 131072
[ "$(dumped)" = 131072 ] || bad "aseqdump got $(dumped) of 131072 octets"

echo "--- a reader that sleeps"
kill -STOP $second
i=0
while [ $i -lt 40 ]; do
  printf '\220\74\100\200\74\100\220\74\100\200\74\100\220\74\100\200\74\100\220\74\100\200\74\100' >&3
  i=$((i + 1))
done
fresh
aplaymidi -p Tutti:0 /tmp/two.mid
check "blocks nobody else" within 40 heard 903c40803c00
kill -CONT $second

echo "--- the end"
kill -TERM $hub
ended() { ! kill -0 $hub 2>/dev/null; }
check "the hub ends at once" within 20 ended
check "and its client has gone" sh -c "! aconnect -l | grep -q \"'Tutti'\""
[ $failures = 0 ] || { echo "--- the hub's log"; cat /tmp/hub.log; }
exit $failures
