# rpm.sh FILE…: reads the RPM packages as rpm does and looks for what has to be in them.
for file in "$@"; do
    name=$(rpm --query --package --queryformat '%{NAME}' "$file")
    rpm --query --package --list "$file" >"$file.files"
    rpm --query --package --requires "$file" >"$file.requires"
    grep -qx "/usr/bin/$name" "$file.files"
    grep -qx "/usr/share/doc/$name/copyright" "$file.files"
    grep -q '^libc\.so\.6' "$file.requires"
    case $name in
    privet)
        test "$(rpm --query --package --configfiles "$file")" = /etc/privet/privet.toml
        test "$(grep -c '/man1/privet' "$file.files")" -gt 20
        grep -qx /usr/lib/systemd/system/privet.service "$file.files"
        ;;
    privet-desktop)
        grep -qx /usr/share/applications/app.privet.Privet.desktop "$file.files"
        grep -q '^privet = ' "$file.requires"
        grep -q webkit2gtk "$file.requires"
        ;;
    esac
    echo "   good: $name has its files and requirements as an RPM package"
done
