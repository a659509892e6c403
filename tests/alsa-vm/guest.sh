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
  "discovery": { "mode": "off" }, "control": { "enabled": false },
  "local": { "jack": { "enabled": false },
             "alsa": { "export": { "mode": "hardware", "include": ["aseqdump:*"] },
                       "import": { "mode": "known", "linger_ms": 1000 },
                       "virtual_ports": [ { "name": "Hub" }, { "name": "Out only", "direction": "out" },
                                          { "name": "Network", "offers": true } ] } },
  "connect": [{ "host": "127.0.0.1", "port": 5010, "name": "Anna", "on_demand": true }],
  "tcp": { "listen": [{ "name": "tap", "port": 9000 }] },
  "log": { "level": "debug" } }
EOF
# tests/endurance/faults.cpp makes its actors fail when it is told to.
dd if=/dev/zero of=/tmp/faults bs=64 count=1 2>/dev/null
TUTTI_FAULTS=/tmp/faults LD_PRELOAD=/usr/bin/libfaults.so tutti serve --config /tmp/tutti.json >/tmp/hub.out 2>/tmp/hub.log &
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
check "aconnect shows the hub's client and ports" sh -c "grep -q \"client.*'Tutti'\" /tmp/l && grep -q Hub /tmp/l && grep -q 'Out only' /tmp/l"
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
# Until amidi listens.
raw_heard() {
  play '\220\101\144\200\101\100'
  usleep 50000
  hexdump -v -e '1/1 "%02x"' /tmp/raw | grep -q 904164804140
}
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
# It prints three characters for each octet, and more.
dumped_enough() { [ "$(wc -c </tmp/dump2)" -ge "$1" ]; }
dumped() { grep 'System exclusive' /tmp/dump2 | tr -s ' ' '\n' | grep -c '^15$'; }
within 400 dumped_enough 200000
dd if=/tmp/sysex bs=65538 count=1 >&3 2>/dev/null
within 400 dumped_enough 405000
sleep 1
check "from a card and from TCP to a program" [ "$(dumped)" = 131072 ]
[ "$(dumped)" = 131072 ] || echo "     aseqdump got $(dumped) of 131072 octets"

echo "--- programs that use RtMidi"
fresh
check "RtMidi plays to the hub" rtmidi_tool alsa play Tutti:Hub 903d40 803d40
check "and is heard" within 40 heard 903d40803d40
rtmidi_tool alsa hear Tutti:Hub >/tmp/rtmidi &
listener=$!
within 60 sh -c "aconnect -l | grep -q 'rtmidi listener'" || bad "no RtMidi listener"
play '\220\105\144\200\105\100'
check "RtMidi hears the hub" within 40 sh -c "tr -d '\n' </tmp/rtmidi | grep -q 904564804540"
kill $listener
rtmidi_tool alsa hold 200 >/tmp/held 2>/tmp/held.err &
holder=$!
within 100 grep -q ports /tmp/held
echo "     of 200 inputs, RtMidi can open: $(cat /tmp/held)"
kill $holder

echo "--- 128 ports"
{ echo '{ "sessions": [{ "name": "many", "port": 5030, "bind": ["127.0.0.1"] }], "discovery": { "mode": "off" },'
  echo '"control": { "enabled": false }, "log": { "level": "debug" }, "local": { "jack": { "enabled": false },'
  echo '"alsa": { "client": "Many", "export": { "mode": "off" }, "virtual_ports": ['
  i=0
  while [ $i -lt 127 ]; do echo "{ \"name\": \"P$i\" },"; i=$((i + 1)); done
  echo '{ "name": "P127" }] } } }'; } >/tmp/many.json
tutti serve --config /tmp/many.json >/tmp/many.out 2>/tmp/many.log &
many=$!
all_up() { [ "$(grep -c 'port alsa/Many/P[0-9]* is up' /tmp/many.log)" = 128 ]; }
check "128 ports come up" within 200 all_up
check "and are there for others" sh -c "[ \"\$(aconnect -l | grep -c ' .P[0-9]')\" -ge 128 ]"
kill $many

echo "--- import: a remote peer as a port, connected when it is used"
# peer NAME PORT TAP [HOST:PORT]: another hub, with a TCP listener of its own
peer() {
  echo "{ \"sessions\": [{ \"name\": \"$1\", \"port\": $2, \"bind\": [\"127.0.0.1\"] }],
    \"discovery\": { \"mode\": \"off\" }, \"control\": { \"enabled\": false },
    \"local\": { \"jack\": { \"enabled\": false }, \"alsa\": { \"enabled\": false } },
    ${4:+\"connect\": [\"$4\"],}
    \"tcp\": { \"listen\": [{ \"name\": \"tap\", \"port\": $3 }] }, \"log\": { \"level\": \"debug\" } }" >"/tmp/$1.json"
  tutti serve --config "/tmp/$1.json" >"/tmp/$1.out" 2>"/tmp/$1.log" &
}
# port_number NAME: of a port of the hub
port_number() { aconnect -l | awk -v name="$1" '/^client/ { ours = /.Tutti./ } ours && index($0, "\047" name) { print $1; exit }'; }
has_port() { [ -n "$(port_number "$1")" ]; }
has_no_port() { ! has_port "$1"; }
# line_of FILE: what a tap has heard, in hex
line_of() { hexdump -v -e '1/1 "%02x"' "$1"; }
peer Anna 5010 9001
anna=$!
within 100 grep -q 'takes MIDI' /tmp/Anna.log || bad "Anna does not start"
mkfifo /tmp/to-anna
nc 127.0.0.1 9001 </tmp/to-anna >/tmp/anna-heard &
exec 5>/tmp/to-anna
within 60 grep -q 'port tcp/tap/127.0.0.1 is up' /tmp/Anna.log
check "the peer that is configured has a port" within 40 has_port Anna
check "which nobody uses, so there is no connection" sh -c "! grep -q 'port rtp/' /tmp/Anna.log"
fresh
aseqdump -p "Tutti:$(port_number Anna)" >/tmp/dump5 &
user=$!
check "using it opens the connection" within 100 logged 'port rtp/vm/Anna is up'
printf '\220\106\144\200\106\100' >&5
check "what the peer plays is heard at its port" within 60 grep -q 'Note on.*70' /tmp/dump5
play '\220\107\144\200\107\100'
aplaymidi -p "Tutti:$(port_number Anna)" /tmp/two.mid
check "what is played to its port reaches it" within 60 sh -c "hexdump -v -e '1/1 \"%02x\"' /tmp/anna-heard | grep -q 903c40803c00"
check "and nothing else does" sh -c "! hexdump -v -e '1/1 \"%02x\"' /tmp/anna-heard | grep -q 904764"
check "nor does anybody else hear it" sh -c "sleep 0.2; ! tail -c +$((mark + 1)) /tmp/heard | hexdump -v -e '1/1 \"%02x\"' | grep -q 904664"
kill $user
check "a while after the last user has gone, so does the connection" within 100 logged 'port rtp/vm/Anna is away'
kill $anna

echo "--- a peer that joins has a port as long as it is there"
peer Bob 5014 9003 127.0.0.1:5004
bob=$!
check "it comes" within 100 has_port Bob
kill $bob
check "and goes" within 100 has_no_port Bob

echo "--- export: what is connected to Network is a session"
aconnect "Virtual Raw MIDI 0-0:0" "Tutti:$(port_number Network)"
check "the card is offered" within 40 logged 'is offered as session "Virtual Raw MIDI 0-0 VirMIDI 0-0"'
session=$(sed -n 's/.*is offered as session .Virtual.* on UDP port \([0-9]*\).*/\1/p' /tmp/hub.log | tail -n 1)
peer Carl 5018 9002 "127.0.0.1:$session"
carl=$!
check "a peer joins it" within 100 logged 'port rtp/Virtual Raw MIDI 0-0 VirMIDI 0-0/Carl is up'
mkfifo /tmp/to-carl
nc 127.0.0.1 9002 </tmp/to-carl >/tmp/carl-heard &
exec 6>/tmp/to-carl
within 60 grep -q 'port tcp/tap/127.0.0.1 is up' /tmp/Carl.log
fresh
amidi -p hw:0,0 -S "90 48 40 80 48 40"
check "it hears the card" within 60 sh -c "hexdump -v -e '1/1 \"%02x\"' /tmp/carl-heard | grep -q 904840804840"
check "the hub hears it as well" within 40 heard 904840804840
once() { [ "$(tail -c "+$((mark + 1))" /tmp/heard | hexdump -v -e '1/1 "%02x"' | grep -o 904840 | wc -l)" = 1 ]; }
check "and once only" once
play '\220\111\144\200\111\100'
check "it hears the card alone" sh -c "sleep 0.5; ! hexdump -v -e '1/1 \"%02x\"' /tmp/carl-heard | grep -q 904964"
: >/tmp/raw
amidi -p hw:0,0 -r /tmp/raw2 &
raw=$!
# The SysEx of above takes a cable 21 s, and nothing passes it.
card_hears() {
  printf '\220\112\144\200\112\100' >&6
  usleep 50000
  hexdump -v -e '1/1 "%02x"' /tmp/raw2 | grep -q 904a64804a40
}
check "the card hears it" within 400 card_hears
kill $raw
aconnect -d "Virtual Raw MIDI 0-0:0" "Tutti:$(port_number Network)"
check "disconnecting withdraws it" within 40 logged 'session "Virtual Raw MIDI 0-0 VirMIDI 0-0" is not offered any more'
check "and its peer is told" within 60 logged 'port rtp/Virtual Raw MIDI 0-0 VirMIDI 0-0/Carl is away'
kill $carl

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

echo "--- parts that fail"
order=0
# fail ACTOR: the next one of that name that has a message
fail() {
  order=$((order + 1))
  printf "$1\0" | dd of=/tmp/faults bs=1 seek=36 conv=notrunc 2>/dev/null
  printf "\\$order\0\0\0" | dd of=/tmp/faults bs=1 seek=32 conv=notrunc 2>/dev/null
}
# has_failed WHAT: as the log calls it; with something that gives every part a message
has_failed() {
  play '\220\120\144\200\120\100'
  aconnect "Virtual Raw MIDI 0-0:0" Tutti:0 2>/dev/null
  usleep 50000
  aconnect -d "Virtual Raw MIDI 0-0:0" Tutti:0 2>/dev/null
  logged "$1 ended unexpectedly"
}
all_there() { has_port Hub && has_port 'Out only' && has_port Network; }
plays_on() {
  fresh
  aplaymidi -p "Tutti:$(port_number Hub)" /tmp/two.mid
  within 20 heard 903c40803c00
}
for part in 'local_port:port ".*"' 'alsa_watch:the watch over ALSA'; do
  fail "${part%%:*}"
  check "the ${part%%:*} fails" within 60 has_failed "${part#*:}"
  check "all ports of the hub are there again" within 100 all_there
  check "and play on" within 3 plays_on
done

echo "--- the end"
kill -TERM $hub
ended() { ! kill -0 $hub 2>/dev/null; }
check "the hub ends at once" within 20 ended
check "and its client has gone" sh -c "! aconnect -l | grep -q \"'Tutti'\""
[ $failures = 0 ] || { echo "--- the hub's log"; cat /tmp/hub.log; }
exit $failures
