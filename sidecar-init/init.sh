#!/usr/bin/dash
# Makes the job's view of the file system, in the namespaces it was started in, and becomes process 1 there:
#
#   init.sh PLAN SETPRIV BOUNDING TINI DASH
#
# PLAN is a file with one step a line, fields separated by tabs (mounts.ts). On descriptor 4 it reports: "inside" once the
# namespaces exist, "ready" when the view is made; any other line says what failed. Then it drops all capabilities but
# those of a job and waits for the end of descriptor 3: when the gateway dies, so does everything in the pid namespace.
# Nothing of the job runs here, and nothing of its environment is known here.
set -eu
umask 022
plan=$1 setpriv=$2 bounding=$3 tini=$4 dash=$5
tab=$(printf '\t')

step() {
  case $1 in
  tmpfs) mount -n -t tmpfs -o "mode=$3,nosuid,nodev" tidegate "$2" ;;
  sysfs) mount -n -t sysfs -o ro,nosuid,nodev,noexec tidegate "$2" ;;
  mqueue) mount -n -t mqueue -o nosuid,nodev,noexec tidegate "$2" ;;
  directory) mkdir -p "$2" && chmod "$3" "$2" ;;
  owner) chown "$3" "$2" ;;
  copy) cat "$2" >"$3" ;;
  bind) mount -n --rbind "$2" "$3" ;;
  # A socket may go while we look; a socket that stays must be covered.
  cover) [ ! -e "$2" ] || mount -n --bind /dev/null "$2" || [ ! -e "$2" ] ;;
  bind-read-only) mount -n -o bind,ro "$2" "$3" ;;
  read-only) mount -n -o remount,bind,ro,nosuid,nodev,noexec "$2" ;;
  move) mount -n --move "$2" "$3" ;;
  *) return 1 ;;
  esac
}

# The job's interface, which comes later, takes its settings from here; ::1 on lo stays.
if [ -e /proc/sys/net/ipv6/conf/default/disable_ipv6 ]; then
  echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
fi
echo inside >&4

while IFS=$tab read -r verb first second; do
  step "$verb" "$first" "$second" 2>&4 || { echo "step failed: $verb $first $second" >&4; exit 1; }
done <"$plan"

cd /
exec "$setpriv" --bounding-set="$bounding" --inh-caps=-all --ambient-caps=-all -- \
  "$tini" -- "$dash" -c 'echo ready >&4; exec 4>&-; read -r _ <&3'
