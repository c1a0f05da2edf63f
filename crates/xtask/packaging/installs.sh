# installs.sh SCRATCH FILE…: installs the .deb files and unpacks the tarball on a copy of this system, looks at what a
# person would look at, and takes everything away again. Wants mount, network and process namespaces of its own.
scratch=$1
shift
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
mkdir -p "$scratch/root/packages"
cp "$@" "$scratch/root/packages/"
mount -t proc proc "$scratch/root/proc"
mount --rbind /dev "$scratch/root/dev"
ip link set lo up
exec chroot "$scratch/root" /bin/sh -eu <<'INSIDE'
good() { echo "   good: $1"; }
cd /packages
# A machine that has its manual pages, and on which Privet never was.
rm -f /etc/dpkg/dpkg.cfg.d/*
export HOME=/tmp/home LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
export XDG_RUNTIME_DIR=/tmp/run
mkdir -p "$HOME" "$XDG_RUNTIME_DIR"

dpkg --install ./*.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
for deb in ./*.deb; do dpkg-deb --field "$deb" Package; done >/tmp/names
xargs dpkg --listfiles </tmp/names | sort -u >/tmp/files
good "installs: $(tr '\n' ' ' </tmp/names)"

privet --version | grep -q '^privet [0-9]'
good "privet runs"
for page in privet privet-serve privet-system-proxy-on; do
    zcat "/usr/share/man/man1/$page.1.gz" | grep -q '^.SH NAME'
    test "$(man --where "$page")" = "/usr/share/man/man1/$page.1.gz"
done
test "$(grep -c '/man1/privet' /tmp/files)" -gt 20
good "manual pages are found"
bash -c 'source /usr/share/bash-completion/completions/privet && complete -p privet' >/dev/null
good "bash completes"

systemd-analyze verify /usr/lib/systemd/system/privet.service
systemd-analyze --user verify /usr/lib/systemd/user/privet-agent.service
good "systemd takes both units"
test "$(stat -c %U /etc/privet)" = privet
good "the service may save its configuration"

privet check --config /etc/privet/privet.toml >/dev/null
# As the unit starts it, told ready by the same word.
mkdir /tmp/data
privet serve --config /etc/privet/privet.toml --data-dir /tmp/data >/tmp/serve.log 2>&1 &
serve=$!
tries=0
until privet --data-dir /tmp/data status >/dev/null 2>&1; do
    tries=$((tries + 1))
    test "$tries" -lt 100 || { cat /tmp/serve.log; exit 1; }
    sleep 0.1
done
privet --data-dir /tmp/data inspect ca >/tmp/inspection-ca.pem
kill "$serve"
wait "$serve"
good "the installed configuration serves and ends"

if grep -q privet-desktop /tmp/names; then
    desktop-file-validate /usr/share/applications/app.privet.Privet.desktop
    appstreamcli validate --no-net --pedantic /usr/share/metainfo/app.privet.Privet.metainfo.xml >/tmp/appstream.log ||
        { cat /tmp/appstream.log; exit 1; }
    update-desktop-database /usr/share/applications
    grep -q '^x-scheme-handler/privet=app.privet.Privet.desktop' /usr/share/applications/mimeinfo.cache
    grep -q '<svg' /usr/share/icons/hicolor/scalable/apps/app.privet.Privet.svg
    ldd /usr/bin/privet-desktop | grep -q webkit2gtk
    good "the desktop finds the window, its icon and its links"
fi
if ldd /usr/bin/privet | grep -E 'webkit|gtk'; then exit 1; fi
good "the engine links no toolkit"

mkdir -p "$HOME/.local"
tar --extract --gzip --strip-components=1 --directory "$HOME/.local" --file ./*.tar.gz
"$HOME/.local/bin/privet" --version >/dev/null
test -f "$HOME/.local/lib/systemd/user/privet-agent.service"
test -f "$HOME/.local/share/man/man1/privet.1.gz"
good "the tarball unpacks into a home and runs"

if command -v update-ca-certificates >/dev/null; then
    # As the steps of `privet inspect trust` say for root.
    authority=/usr/local/share/ca-certificates/privet-inspection.crt
    cp /tmp/inspection-ca.pem "$authority"
    update-ca-certificates >/dev/null 2>&1
    last=$(grep -v -e '-----' "$authority" | tail -1)
    grep -qF "$last" /etc/ssl/certs/ca-certificates.crt
fi
xargs dpkg --purge </tmp/names >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 1; }
while read -r file; do
    test -d "$file" || test ! -e "$file" || { echo "left behind: $file"; exit 1; }
done </tmp/files
test ! -e /etc/privet
if command -v update-ca-certificates >/dev/null; then
    test ! -e "$authority"
    if grep -qF "$last" /etc/ssl/certs/ca-certificates.crt; then exit 1; fi
    good "the system trusts the inspection authority no more"
fi
good "nothing is left after purge"
INSIDE
