#!/bin/sh
# Installs the relay of Backup Sentinel as a service of systemd, without Kubernetes; on NethServer 8 with all that it needs there.
# Run it from a checkout or an unpacked source distribution, as root. A second run updates the program and keeps the configuration.
set -eu

usage() {
    cat <<'END'
usage: install.sh [--from ADDRESS] [--to ADDRESS[,ADDRESS...]] [options]
       install.sh --uninstall [--root FOLDER]

  --from ADDRESS        sender of mails
  --to ADDRESSES        recipients, with commas between them
                        both are asked for on a terminal, unless there is a configuration already
  --smtp HOST[:PORT]    send by this server, with STARTTLS unless it is this host; the default is localhost:25.
                        On NethServer 8 it is ns8-sendmail that sends
  --import CONFIG.yml   take over a configuration of ns8-backup-monitor
  --nethserver yes|no   whether this is NethServer 8; found out unless given
  --package PACKAGE     what pip installs: a wheel, a folder or a name; the checkout that this script is in unless given
  --python PROGRAM      a Python 3.11 or newer; looked for unless given
  --root FOLDER         install below this folder, to look at it; nothing is started
  --no-start            do not start the service
  --uninstall           remove the service and the program; asks before it removes configuration and messages
  --purge, --keep       answers to what --uninstall asks
  -h, --help            this text
END
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

note() { echo "install.sh: $*"; }

on_terminal() { [ -t 0 ] && [ -t 2 ]; }

# Prints the answer to a question; fails where nobody can be asked.
ask() {
    on_terminal || return 1
    printf '%s: ' "$1" >&2
    read -r answer || return 1
    printf '%s' "$answer"
}

# Only what needs no quoting in YAML: letters, digits and . _ % + - before and after one @.
is_address() {
    case $1 in
    -* | *[!A-Za-z0-9._%+@-]* | *@*@* | @* | *@) return 1 ;;
    *@*) return 0 ;;
    *) return 1 ;;
    esac
}

check_addresses() {
    [ -n "$2" ] || fail "$1 is missing: give $1 ADDRESS"
    rest=$2,
    while [ -n "$rest" ]; do
        one=${rest%%,*}
        rest=${rest#*,}
        is_address "$one" || fail "$1: '$one' is no plain mail address"
    done
}

good_python() {
    "$1" -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)' 2>/dev/null
}

find_python() {
    if [ -n "$python" ]; then
        good_python "$python" || fail "$python is not Python 3.11 or newer"
        return
    fi
    for candidate in python3.14 python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null 2>&1 && good_python "$candidate"; then
            python=$(command -v "$candidate")
            return
        fi
    done
    echo "install.sh: Python 3.11 or newer is needed, and none was found. Install one, and run this again:" >&2
    echo "    Rocky Linux, AlmaLinux, RHEL 9:  dnf install python3.11" >&2
    echo "    Debian 12, Ubuntu 24.04:         apt-get install python3 python3-venv" >&2
    echo "Or say where it is: install.sh --python /path/to/python3.11" >&2
    exit 1
}

# Prints the settings for a host that is no NethServer.
plain_config() {
    host=${smtp%:*}
    port=${smtp##*:}
    encryption=starttls
    case $host in
    localhost | 127.0.0.1) encryption=none ;;
    esac
    cat <<END
# Written by install.sh. All settings: https://github.com/backup-sentinel/backup-sentinel/blob/main/exporter/README.md
# After a change: /opt/backup-sentinel/bin/backup-sentinel check --config /etc/backup-sentinel/config.yaml
web:
  listen: 127.0.0.1:9951
relay:
  channels:
    - type: email
      name: mail
      host: $host
      port: $port
      encryption: $encryption
      from: $from
      to: [$to]
END
}

install_program() {
    note "Python: $python"
    if ! good_python "$root$prefix/bin/python" || ! "$root$prefix/bin/python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear "$root$prefix" ||
            fail "$python cannot make a virtual environment; on Debian: apt-get install python3-venv"
    fi
    "$root$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "$package" ||
        fail "pip could not install $package"
}

write_config() {
    if [ -e "$root$config" ]; then
        "$program" check --config "$root$config" >/dev/null ||
            fail "$config does not go with this version; nothing was started anew"
        note "$config is there already, and stays as it is"
        return
    fi
    new=$root$config.new
    rm -f "$new"
    if [ -n "$import" ]; then
        "$program" import-ns8 "$import" >"$new" || fail "$import could not be taken over"
    elif [ "$nethserver" = yes ]; then
        printf 'mail: {from: "%s", to: "%s"}\n' "$from" "$to" >"$new.yml"
        "$program" import-ns8 "$new.yml" >"$new" || fail "the configuration could not be written"
        rm -f "$new.yml"
        sed -i '1s/.*/# Written by install.sh for NethServer 8./' "$new"
    else
        plain_config >"$new"
    fi
    "$program" check --config "$new" >/dev/null || fail "$new is wrong; it is left there to be looked at"
    mv "$new" "$root$config"
    note "$config: written"
}

install_unit() {
    mkdir -p "$root$units" "$root/usr/lib/sysusers.d"
    drop_in=$root$units/$unit.d/nethserver.conf
    if [ "$nethserver" != yes ]; then
        rm -f "$drop_in"
    elif [ -e "$root$units/$unit" ] && [ ! -e "$drop_in" ] && [ -z "$asked" ]; then
        note "$unit is not root, without nethserver.conf, and stays so (--nethserver yes puts it there)"
    else # before the unit, so that an interrupted run is finished by the next one
        mkdir -p "$root$units/$unit.d"
        cp "$here/nethserver.conf" "$drop_in"
    fi
    cp "$here/sysusers.conf" "$root/usr/lib/sysusers.d/backup-sentinel.conf"
    cp "$here/backup-sentinel-relay.service" "$root$units/$unit"
    chmod 0644 "$root$units/$unit" "$root/usr/lib/sysusers.d/backup-sentinel.conf"
    if [ -n "$root" ]; then
        chmod 0640 "$root$config"
        return
    fi
    if command -v systemd-sysusers >/dev/null 2>&1; then
        systemd-sysusers backup-sentinel.conf
    elif ! id backup-sentinel >/dev/null 2>&1; then
        useradd --system --home-dir /var/lib/backup-sentinel --no-create-home --shell /usr/sbin/nologin backup-sentinel
    fi
    chgrp backup-sentinel "$config"
    chmod 0640 "$config"
    systemctl daemon-reload
    if [ "$start" = yes ]; then
        systemctl enable --quiet "$unit"
        systemctl restart "$unit"
        note "$unit is started: systemctl status $unit, journalctl -u $unit"
    fi
}

# Prints where Alertmanager posts to, as the configuration says.
webhook() {
    "$root$prefix/bin/python" - "$root$config" <<'END'
import sys

from backup_sentinel.commands.relay import PORT
from backup_sentinel.config import WebSettings, load

listen = load(sys.argv[1]).web.listen
host, _, port = (f":{PORT}" if listen == WebSettings().listen else listen).rpartition(":")
print(f"http://{'127.0.0.1' if host in ('', '0.0.0.0', '[::]') else host}:{port}/alertmanager")
END
}

remove() {
    if [ -z "$root" ] && command -v systemctl >/dev/null 2>&1; then
        systemctl disable --quiet --now "$unit" 2>/dev/null || true
    fi
    rm -f "$root$units/$unit" "$root$units/$unit.d/nethserver.conf" "$root/usr/lib/sysusers.d/backup-sentinel.conf"
    rmdir "$root$units/$unit.d" 2>/dev/null || true # drop-ins of yours stay
    rm -rf "$root${prefix:?}"
    if [ -z "$root" ] && command -v systemctl >/dev/null 2>&1; then
        systemctl daemon-reload
    fi
    if [ -z "$purge" ] && { [ -e "$root/etc/backup-sentinel" ] || [ -e "$root$state" ]; }; then
        purge=no
        if answer=$(ask "Remove the configuration in /etc/backup-sentinel and the messages in $state? [y/N]"); then
            case $answer in [yY] | [yY][eE][sS]) purge=yes ;; esac
        fi
    fi
    if [ "$purge" = yes ]; then
        rm -rf "$root/etc/backup-sentinel" "$root${state:?}"
        note "removed, with configuration and messages"
    else
        note "removed; what is in /etc/backup-sentinel and $state stays (--purge removes it)"
    fi
}

from='' to='' smtp='' import='' nethserver='' package='' python='' root='' purge='' action=install start=yes
while [ $# -gt 0 ]; do
    case $1 in
    --from | --to | --smtp | --import | --nethserver | --package | --python | --root)
        [ $# -ge 2 ] || fail "$1 needs a value; see install.sh --help"
        case $1 in
        --from) from=$2 ;;
        --to) to=$2 ;;
        --smtp) smtp=$2 ;;
        --import) import=$2 ;;
        --nethserver) nethserver=$2 ;;
        --package) package=$2 ;;
        --python) python=$2 ;;
        --root) root=${2%/} ;;
        esac
        shift
        ;;
    --no-start) start=no ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --keep) purge=no ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) fail "unknown argument '$1'; see install.sh --help" ;;
    esac
    shift
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
unit=backup-sentinel-relay.service
units=/etc/systemd/system
prefix=/opt/backup-sentinel
config=/etc/backup-sentinel/config.yaml
state=/var/lib/backup-sentinel
program=$root$prefix/bin/backup-sentinel

if [ -z "$root" ]; then
    [ "$(id -u)" = 0 ] || fail "this needs root; or install below a folder with --root FOLDER"
    [ "$action" = uninstall ] || [ -d /run/systemd/system ] || fail "systemd does not run here"
fi
if [ "$action" = uninstall ]; then
    remove
    exit 0
fi

asked=$nethserver
if [ -z "$nethserver" ]; then
    nethserver=no
    if [ -e "$root/etc/nethserver/agent.env" ]; then nethserver=yes; fi
fi
case $nethserver in yes | no) ;; *) fail "--nethserver: yes or no" ;; esac
if [ "$nethserver" = yes ] && [ -n "$smtp" ]; then
    fail "--smtp does not go with NethServer 8: install without it, and change the channel in $config"
fi
if [ -n "$import" ]; then
    [ -r "$import" ] || fail "$import cannot be read"
fi
if [ -z "$package" ]; then
    package=$(CDPATH='' cd -- "$here/../.." && pwd)
    [ -f "$package/pyproject.toml" ] || fail "this is no checkout: say what to install with --package"
    package="${package}[ns8,speed]"
fi
if [ ! -e "$root$config" ] && [ -z "$import" ]; then # before anything is changed
    [ -n "$from" ] || from=$(ask "Sender of mails") || true
    check_addresses --from "$from"
    case $from in *,*) fail "--from: one address" ;; esac
    [ -n "$to" ] || to=$(ask "Recipients, with commas between them") || true
    check_addresses --to "$to"
    if [ "$nethserver" = no ]; then
        smtp=${smtp:-localhost:25}
        case $smtp in *:*) ;; *) smtp=$smtp:587 ;; esac
        case $smtp in
        *[!A-Za-z0-9.:-]* | :* | *:*:* | *: | *:*[!0-9]*) fail "--smtp: '$smtp' is not HOST or HOST:PORT" ;;
        esac
    fi
fi
find_python
umask 022
mkdir -p "$root/opt" "$root/etc/backup-sentinel"
install_program
write_config
install_unit
echo
echo "Webhook for Alertmanager: $(webhook)"
