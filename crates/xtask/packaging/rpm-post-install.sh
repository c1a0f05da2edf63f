systemd-sysusers privet.conf || :
systemd-tmpfiles --create privet.conf || :
