# household.sh SCRATCH PACKAGING PRIVET USER WRITABLE EXEC COMMANDS: installs the packaged files on a copy of this system, makes
# all of it read-only but WRITABLE, starts EXEC as USER without capabilities, and runs COMMANDS. They see $cli (the command line
# for this service) and $as_service (runs a program as the service). Wants mount, network and process namespaces of its own.
scratch=$1 packaging=$2 privet=$3 user=$4 writable=$5 exec=$6 commands=$7
mount -t tmpfs tmpfs "$scratch"
root=$scratch/root
mkdir "$scratch/upper" "$scratch/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
rm -rf "$root/etc/privet" "$root/var/lib/privet"
mkdir -p "$root/etc/privet" "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d" "$root/usr/lib/systemd/system"
cp "$packaging/privet.service" "$root/usr/lib/systemd/system/privet.service"
cp "$packaging/privet.toml" "$root/etc/privet/privet.toml"
cp "$packaging/privet.sysusers" "$root/usr/lib/sysusers.d/privet.conf"
cp "$packaging/privet.tmpfiles" "$root/usr/lib/tmpfiles.d/privet.conf"
# What the packages run after installing.
systemd-sysusers --root="$root" privet.conf
systemd-tmpfiles --root="$root" --create privet.conf
rm -f "$root/usr/bin/privet"
touch "$root/usr/bin/privet"
mount --bind "$privet" "$root/usr/bin/privet"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mkdir "$root/var/lib/privet"
uid=$(sed -n "s/^$user:[^:]*:\([0-9]*\):.*/\1/p" "$root/etc/passwd")
chown "$uid" "$root/var/lib/privet"
for folder in $writable; do
    mount --bind "$root$folder" "$root$folder"
done
# Folders that everybody may write: only the mount refuses there.
for folder in etc usr/bin var/lib opt; do
    mkdir -p -m 777 "$root/$folder/open-to-all"
done
mount -o remount,bind,ro "$root"
ip link set lo up
as_service="setpriv --reuid $user --regid $user --clear-groups --no-new-privs --bounding-set -all --inh-caps -all"
cli="privet --config /etc/privet/privet.toml --data-dir /var/lib/privet"
export as_service cli exec commands
exec chroot "$root" /bin/sh -eu <<'INSIDE'
$as_service $exec >/tmp/log 2>&1 &
tries=0
until $cli status >/dev/null 2>&1; do
    tries=$((tries + 1))
    test "$tries" -lt 450 || { cat /tmp/log >&2; exit 70; }
    sleep 0.1
done
eval "$commands"
INSIDE
