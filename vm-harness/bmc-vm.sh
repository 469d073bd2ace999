#!/bin/bash
# The hardware behind one machine's BMC: what ipmi_sim calls as its chassis_control program.
#   bmc-vm.sh DIR get NAME...          prints NAME:VALUE for power and boot
#   bmc-vm.sh DIR set NAME VALUE ...   power 0|1, reset 1, shutdown 1, boot none|pxe|default|cdrom|bios
# DIR is the machine's directory as machine.ts made it; qemu.pid, boot and bmc-vm.log are written here.
# This is the only thing that starts or ends the machine's QEMU.
#
# ipmi_sim answers nobody while this runs and may ask twice for one request, so every action is short and
# may be repeated: "power 1" on a running machine does nothing. stdout stays empty on set.
# "boot" holds for the next start only (IPMI 2.0 §28.12); "default" is ipmi_sim's word for the disk.
set -u

cd "$1" || exit 1
shift

# QEMU would keep the BMC's sockets open after ipmi_sim ended. Bash's own descriptors are plain files.
for descriptor in /proc/self/fd/*; do
  number=${descriptor##*/}
  if [ "$number" -gt 2 ] && { [ -S "$descriptor" ] || [ -p "$descriptor" ]; }; then
    eval "exec $number>&-"
  fi
done

# The pid of this machine's QEMU, or failure. A recorded pid counts only while its command line
# names this directory: pids are used again.
running() {
  local pid
  read -r pid 2>/dev/null <qemu.pid || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "$PWD/qemu.pid" || return 1
  echo "$pid"
}

boot_device() {
  cat boot 2>/dev/null || echo none
}

power_on() {
  running >/dev/null && return 0
  local boot order=network arguments order_arguments
  boot=$(boot_device)
  case $boot in
  default) order=disk ;;
  # An order that a guest wrote into its NVRAM gives way, and with it the guest's boot entries.
  pxe) if [ -e vars.fd ]; then cp vars-network.fd vars.fd; fi ;;
  # cdrom and bios have nothing behind them here and start like none.
  esac
  mapfile -t arguments <qemu.argv
  mapfile -t order_arguments <"boot-$order.argv"
  # -daemonize returns once the machine runs, or with the reason why it doesn't.
  "${arguments[@]}" "${order_arguments[@]}" -pidfile "$PWD/qemu.pid" -daemonize \
    </dev/null >>bmc-vm.log 2>&1 || return 1
  echo none >boot
}

power_off() {
  local pid
  pid=$(running) || return 0
  kill -KILL "$pid"
  # At most two seconds; a process that is still there then shows in the next "get power".
  for _ in {1..40}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  rm -f qemu.pid
}

# A reset is the one action that a second call would repeat. The client sends its request again when this
# takes longer than a second, and that copy is handed over as soon as the first call has ended.
reset() {
  local last=0
  [ -s last-reset ] && read -r last <last-reset
  if [ $((${EPOCHREALTIME/[.,]/} - last)) -lt 500000 ]; then return 0; fi
  running >/dev/null && power_off && power_on
  local status=$?
  echo "${EPOCHREALTIME/[.,]/}" >last-reset
  return "$status"
}

# Presses the power button: the guest may shut down, and QEMU ends when it did.
shut_down() {
  running >/dev/null || return 0
  local port line answers=0
  read -r port <monitor-port
  # QMP (qemu-qmp-ref): closing before the second answer could lose the command.
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  echo '{"execute":"qmp_capabilities"} {"execute":"system_powerdown"}' >&3
  while [ "$answers" -lt 2 ] && read -r -t 1 line <&3; do
    if [[ $line == *'"return"'* ]]; then answers=$((answers + 1)); fi
  done
  exec 3>&-
}

get() {
  case $1 in
  power) if running >/dev/null; then echo power:1; else echo power:0; fi ;;
  boot) echo "boot:$(boot_device)" ;;
  *) return 1 ;;
  esac
}

set_one() {
  case $1=$2 in
  power=1) power_on ;;
  power=0) power_off ;;
  reset=*) reset ;;
  shutdown=*) shut_down ;;
  boot=none | boot=pxe | boot=default | boot=cdrom | boot=bios) echo "$2" >boot ;;
  identify=*) ;;
  *) return 1 ;;
  esac
}

verb=$1
shift
echo "$verb $*" >>bmc-vm.log
status=0
case $verb in
get) while [ $# -ge 1 ]; do get "$1" || status=1; shift; done ;;
set) while [ $# -ge 2 ]; do set_one "$1" "$2" >/dev/null || status=1; shift 2; done ;;
*) status=1 ;;
esac
exit "$status"
