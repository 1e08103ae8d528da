#!/bin/sh
# Packs what k8srun must know of this Kubernetes node into one archive, for a node without Python.
#
# Usage:  sh collect.sh [-r ROOT] [-o ARCHIVE]
#   -r ROOT     read a copy of a node below ROOT in place of /
#   -o ARCHIVE  where to write it (default: ./k8srun-node-HOST.tar.gz); - for standard output
#
# Run it as root: what it may not read is missing from the archive, and said to be missing.
#
# What it packs:
#   - certificates, and of every private key the SHA-256 of its public half (the key itself is not packed)
#   - kubeconfigs without keys, tokens, passwords and arguments of plugins
#   - static-pod manifests, kubelet, CNI and sshd configuration without the values of secret names
#   - mode, owner, size and time of all of these
#   - the last lines of the control plane's and the kubelet's logs, and the state of the clock
# It changes nothing on the node and sends nothing anywhere: it writes the archive (mode 0600) and that is all.

set -u
umask 077
LC_ALL=C
export LC_ALL

LOG_LINES=300
MAX_BYTES=4194304
MAX_FILES=2000
TAB=$(printf '\t')

# --- Where to look -----------------------------------------------------------------------------------------------------
# How a file is read, and where such files are. Below /** every file counts; of a "pem" one only if it is named like one.

places() {
    cat <<'END'
kubeconfig /etc/kubernetes/*.conf
kubeconfig /etc/kubernetes/*.kubeconfig
kubeconfig /var/lib/kubelet/kubeconfig
kubeconfig /var/lib/kubelet/*.kubeconfig
kubeconfig /var/lib/kube-proxy/*kubeconfig*
kubeconfig /var/lib/kubernetes/*.kubeconfig
kubeconfig /root*/.kube/config
kubeconfig /etc/rancher/k3s/k3s.yaml
kubeconfig /etc/rancher/rke2/rke2.yaml
kubeconfig /var/lib/rancher/k3s/agent/*.kubeconfig
kubeconfig /var/lib/rancher/k3s/server/cred/*.kubeconfig
kubeconfig /var/lib/rancher/rke2/agent/*.kubeconfig
kubeconfig /var/lib/rancher/rke2/server/cred/*.kubeconfig
kubeconfig /etc/cni/net.d/*kubeconfig*
pem /etc/kubernetes/pki/**
pem /etc/kubernetes/ssl/**
pem /etc/ssl/etcd/**
pem /etc/etcd/**
pem /var/lib/kubernetes/**
pem /var/lib/kubelet/pki/**
pem /var/lib/rancher/k3s/server/tls/**
pem /var/lib/rancher/k3s/agent/*.crt
pem /var/lib/rancher/rke2/server/tls/**
pem /var/lib/rancher/rke2/agent/*.crt
pem /var/lib/rancher/k3s/agent/*.key
pem /var/lib/rancher/rke2/agent/*.key
document /etc/kubernetes/manifests/*
document /var/lib/rancher/k3s/agent/pod-manifests/*
document /var/lib/rancher/rke2/agent/pod-manifests/*
document /var/lib/kubelet/config.yaml
document /var/lib/kubelet/kubelet-config.yaml
document /etc/kubernetes/kubelet/*.json
document /etc/kubernetes/kubelet/*.yaml
text /var/lib/kubelet/kubeadm-flags.env
text /etc/default/kubelet
text /etc/sysconfig/kubelet
text /etc/systemd/system/kubelet.service
text /etc/systemd/system/kubelet.service.d/*.conf
text /usr/lib/systemd/system/kubelet.service
text /usr/lib/systemd/system/kubelet.service.d/*.conf
text /etc/systemd/system/kube-apiserver.service
text /etc/systemd/system/kube-controller-manager.service
text /etc/systemd/system/kube-scheduler.service
text /etc/systemd/system/etcd.service
document /etc/rancher/k3s/config.yaml
document /etc/rancher/rke2/config.yaml
stat /var/lib/etcd
stat /var/lib/rancher/k3s/server/db/etcd
stat /var/lib/rancher/rke2/server/db/etcd
document /etc/cni/net.d/*.conf
document /etc/cni/net.d/*.conflist
document /etc/cni/net.d/*.json
stat /etc/cni/net.d/*
text /etc/ssh/sshd_config
text /etc/ssh/sshd_config.d/*.conf
log /var/log/pods/kube-system_kube-apiserver-*/*/*.log
log /var/log/pods/kube-system_kube-controller-manager-*/*/*.log
log /var/log/pods/kube-system_kube-scheduler-*/*/*.log
log /var/log/pods/kube-system_etcd-*/*/*.log
log /var/lib/rancher/k3s/agent/logs/kubelet.log
log /var/lib/rancher/rke2/agent/logs/kubelet.log
END
}

# Flags of the control plane and the kubelet that name a further file.
flags() {
    cat <<'END'
kubeconfig ([a-z-]+-)?kubeconfig
kubeconfig (audit|authorization|authentication-token)-webhook-config-file
document (experimental-)?encryption-provider-config|audit-policy-file|authorization-config|authentication-config|admission-control-config-file|egress-selector-config-file|tracing-config-file|config
text authorization-policy-file
stat token-auth-file|basic-auth-file
stat data-dir|wal-dir
pem ([a-z-]+-)?(cert-file|key-file|certfile|keyfile|cafile|ca-file|certificate-authority)|kubelet-client-(certificate|key)|tls-sni-cert-key
END
}

# --- What stays on the node --------------------------------------------------------------------------------------------

KEY='[A-Z0-9 ]*PRIVATE KEY'
PUBLIC='(X509 |TRUSTED |NEW )?CERTIFICATE( REQUEST)?|(RSA )?PUBLIC KEY|X509 CRL|PKCS7|(EC|DH) PARAMETERS'

# Of a PEM file: the lines of public blocks. Every other line becomes an empty one, so that the numbers stay. What keeps
# Kubernetes from reading a block (text beside its marks, a header, a line that is no base64) leaves an x.
BOM=$(printf '\357\273\277')
PEM_LINES="
/-----BEGIN $KEY-----.*-----END $KEY-----/{
s/.*-----BEGIN ($KEY)-----.*-----END ($KEY)-----.*/x-----BEGIN REDUCED \\1----------END REDUCED \\2-----/
b
}
/-----BEGIN ($PUBLIC)-----.*-----END ($PUBLIC)-----/{
s/.*(-----BEGIN ($PUBLIC)-----).*(-----END ($PUBLIC)-----).*/x\\1\\7/
b
}
/-----BEGIN $KEY-----/,/-----END $KEY-----/{
s/^($BOM)?-----(BEGIN|END) ($KEY)-----([[:space:]]*)\$/\\1-----\\2 REDUCED \\3-----/
t
s/.*-----(BEGIN|END) ($KEY)-----.*/x-----\\1 REDUCED \\2-----x/
t
s/.*//
b
}
/-----BEGIN ($PUBLIC)-----/,/-----END ($PUBLIC)-----/{
/^($BOM)?-----(BEGIN|END) ($PUBLIC)-----[[:space:]]*\$/b
s/.*(-----(BEGIN|END) ($PUBLIC)-----).*/x\\1x/
t
/^[A-Za-z0-9+\\/=[:space:]]*\$/b
s/^[^:]*:.*/x:/
t
s/.*/x!/
b
}
s/.*//
"

# Of a kubeconfig: the fields below, if their value stands on the same line. What is not in the list goes. (A bare `t`
# asks for any substitution so far: that of a comment has to be forgotten first.)
KUBECONFIG_FIELDS='apiVersion|kind|current-context|preferences|clusters|contexts|users|cluster|context|user|name|namespace'
KUBECONFIG_FIELDS="$KUBECONFIG_FIELDS|server|tls-server-name|insecure-skip-tls-verify|proxy-url|disable-compression"
KUBECONFIG_FIELDS="$KUBECONFIG_FIELDS|certificate-authority|certificate-authority-data|client-certificate"
KUBECONFIG_FIELDS="$KUBECONFIG_FIELDS|client-certificate-data|client-key|tokenFile|auth-provider|exec|command|args|env"
KUBECONFIG_FIELDS="$KUBECONFIG_FIELDS|interactiveMode|provideClusterInfo|extensions|extension"
KUBECONFIG_LINES="
s/^[[:space:]]*#.*//
s/[[:space:]]+#.*//
t forget
:forget
s/^( *(- +)*(token|password|username|client-key-data): +).*/\\1reduced/
t
s/^( *(- +)*(server|proxy-url): +.*:\\/\\/).*@/\\1/
/^---[[:space:]]*\$/b
/^ *(- +)*($KUBECONFIG_FIELDS):[[:space:]]*\$/b
/^ *(- +)*($KUBECONFIG_FIELDS): +(\\{\\}|\\[\\])\$/b
/^ *(- +)*($KUBECONFIG_FIELDS): +[^][{}|>&*!%@ ]/b
s/.*//
"

# In any text: tokens and keys by their form, and the values of names that end as a secret's does. A switch (true, false)
# is no secret: a line break before it, taken out at the end, keeps it from being replaced.
SECRET='[A-Za-z0-9_.-]*(passw(or)?d|passphrase|requirepass|masterauth|pwd|secret|token|credential|creds?|bearer|(api|access|secret|signing|encryption|shared)[_-]?key|authorization|cookie|dsn|jwt)s?([_-]?(data|value|string|hash|b64|base64|[0-9]+))?'
STRING='"([^"\\]|\\.)*"'
QUOTED="$STRING|'([^']|'')*'"
SCRUB="
/-----BEGIN $KEY-----/,/-----END $KEY-----/s/.*/<reduced>/
s/LS0tLS1CRUdJT[A-Za-z0-9+\\/=_-]*/<reduced>/g
s/eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_.-]+/<reduced>/g
s/(gh[pousr]_|github_pat_|glpat-|xox[a-z]-|xapp-|npm_|hvs\\.|dckr_pat_|AGE-SECRET-KEY-|AKIA|ASIA)[A-Za-z0-9_-]{10,}/<reduced>/g
s/(hooks\\.slack\\.com\\/[a-z]+|webhook\\.office\\.com|discord(app)?\\.com\\/api\\/webhooks)\\/[^[:space:]\"'<>]+/\\1\\/<reduced>/g
s/(bearer|basic)([[:space:]]+)[A-Za-z0-9._~+\\/=-]{8,}/\\1\\2<reduced>/Ig
s/(:\\/\\/[^\\/@:[:space:]\"']*:)[^@[:space:]\"']+@/\\1<reduced>@/g
s/(^|[^A-Za-z0-9_.-])($SECRET)([\"']?[[:space:]]*[:=][[:space:]]*)(true|false|null|\"\"|'')/\\1\\2\\8\\n\\9/Ig
s/(^[[:space:]]*(export +)?)($SECRET)(=|: +)[^\\n[:space:]].*/\\1\\3\\9<reduced>/I
s/(^|[^A-Za-z0-9_.-])($SECRET)(=|[\"'][[:space:]]*[:=][[:space:]]*)($QUOTED|[^[:space:]\"',;&]+)/\\1\\2\\8<reduced>/Ig
s/([{,][[:space:]]*)($SECRET)(:[[:space:]]+)($QUOTED|[^[:space:]\"',}][^,}]*)/\\1\\2\\8<reduced>/Ig
s/\\n//g
"

scrub() { sed -E -e "$SCRUB"; }

# FILE. Its public blocks; of a private key the hash, on the line after the one with its label.
reduce_pem() {
    if grep -q -e '-----BEGIN ' "$1"; then
        sed -E -e "$(key_edits "$1")" -e "$PEM_LINES" "$1"
    elif openssl x509 -inform DER -in "$1" -outform DER 2>/dev/null; then
        :
    elif sed 1q "$1" | grep -qi '^[[:space:]]*<'; then
        echo '<html>' # an error page that was saved in place of a certificate
    elif sed 1q "$1" | grep -q '^LS0tLS1CRUdJTi'; then
        echo LS0tLS1CRUdJTiA= # PEM that was encoded once more
    elif openssl asn1parse -inform DER -in "$1" >/dev/null 2>&1; then
        printf '0\000' # DER, and no certificate
    elif sed 1q "$1" | grep -q '^0'; then
        echo 0
    elif [ -s "$1" ]; then
        echo 'no PEM'
    fi
}

# FILE. What sed is to do with the line after each BEGIN of a private key.
key_edits() {
    grep -nE -e "-----BEGIN $KEY-----" "$1" | while IFS=: read -r line _; do
        if sed -nE "$line,/-----END $KEY-----/p" "$1" | grep -q ENCRYPTED; then
            summary=encrypted
        else
            summary=$(sed -nE "$line,/-----END $KEY-----/p" "$1" | key_summary)
        fi
        [ -z "$summary" ] || printf '%s{\ns/.*/%s/\nb\n}\n' "$((line + 1))" "$summary"
    done
}

# Standard input: one private key. Only its public half is kept, to be hashed.
key_summary() {
    openssl pkey -passin pass: -pubout -outform DER >"$work/public" 2>/dev/null || return 0
    hash=$(openssl dgst -sha256 <"$work/public" | sed 's/.*[= ]//')
    text=$(openssl pkey -pubin -inform DER -in "$work/public" -noout -text 2>/dev/null)
    curve=$(echo "$text" | sed -n 's/^ASN1 OID: //p')
    case $curve in prime*v1) curve=secp${curve#prime} && curve=${curve%v1}r1 ;; esac
    case $text in
        *"ASN1 OID: "*) type="EC $curve" ;;
        *ED25519*) type=Ed25519 ;;
        *ED448*) type=Ed448 ;;
        *Modulus:*) type="RSA $(echo "$text" | sed -n 's/.*Public-Key: (\([0-9]*\) bit.*/\1/p')" ;;
        *) type='' ;;
    esac
    echo "sha256 $hash $type"
}

# FILE. Fails for what is not in the form that kubectl and kubeadm write: line by line nothing can be said of it then.
reduce_kubeconfig() {
    if grep -qE '^[[:space:]]*[{[]|(:|-)[[:space:]]+[{[][^]}]' "$1"; then
        return 1
    fi
    sed -E -e "$(embedded_key_edits "$1")" -e "$KUBECONFIG_LINES" "$1"
}

# FILE. Every client-key-data becomes the reduced form of its key, encoded as the key was.
embedded_key_edits() {
    grep -nE '^ *(- +)*client-key-data: ' "$1" | while IFS=: read -r line field data; do
        data=${data# }
        label=$(echo "$data" | openssl base64 -d -A 2>/dev/null | sed -nE "s/.*-----BEGIN ($KEY)-----.*/\\1/p" | sed 1q)
        [ -n "$label" ] || continue
        summary=$(echo "$data" | openssl base64 -d -A 2>/dev/null | key_summary)
        block=$(printf -- '-----BEGIN REDUCED %s-----\n%s\n-----END REDUCED %s-----\n' "$label" "$summary" "$label" |
            openssl base64 -A)
        printf '%s{\ns|.*|%s: %s|\nb\n}\n' "$line" "$field" "$block"
    done
}

# FILE. YAML or JSON without the values of secret names. Fails where its lines do not show where a value ends.
reduce_document() {
    case $(sed -n '/[^[:space:]]/{s/^[[:space:]]*\(.\).*/\1/p;q;}' "$1") in
        '{' | '[') reduce_json "$1" ;;
        *) reduce_yaml "$1" ;;
    esac
}

reduce_json() {
    rest='[][{},:[:space:]0-9.eE+-]*'
    if sed -E "s/$STRING//g" "$1" | grep -qvE "^$rest((true|false|null)$rest)*\$" || grep -qE ':[[:space:]]*$' "$1" ||
        grep -qiE "\"--?$SECRET\"[[:space:]]*(,|\$)" "$1"; then
        return 1
    fi
    sed -E -e "s/(\"value\"[[:space:]]*:[[:space:]]*)$STRING/\\1\"<reduced>\"/g" \
        -e "s/\"(--?$SECRET)=[^\"]*\"/\"\\1=<reduced>\"/Ig" "$1" | scrub
}

reduce_yaml() {
    sed -E -e 's/^[[:space:]]*#.*//' -e "s/^(([^\"'#]|$QUOTED)*[[:space:]])#.*/\\1/" -e 's/[[:space:]]+$//' \
        -e "s/([{,][[:space:]]*[\"']?value[\"']?[[:space:]]*:[[:space:]]*)($QUOTED|[^,}]*)/\\1\"<reduced>\"/g" \
        -e "s/([[,][[:space:]]*[\"']?--?$SECRET=)[^]\"',]*/\\1<reduced>/Ig" "$1" >"$work/lines"
    # Braces and brackets, and the strings in them, must end in the line in which they begin.
    if sed -E "s/$QUOTED//g" "$work/lines" | grep -E '(^|[:-][[:space:]]+)[[{]' | grep -qE "[\"']|[^]}]\$" ||
        grep -qiE "[[,][[:space:]]*[\"']?--?(${SECRET})[\"']?[[:space:]]*," "$work/lines"; then
        return 1
    fi
    reduce_lines <"$work/lines" >"$work/values" || return 1
    scrub <"$work/values"
}

# Standard input: YAML, a field or an item a line. The value of a secret field, flag or variable goes, with the deeper
# lines that continue it; so does a `value` whose name is not known. Fails at a line that continues any other value.
reduce_lines() {
    skip=-1 text=-1 under=-1 name='' flag=''
    while IFS= read -r line || [ -n "$line" ]; do
        bare=${line#"${line%%[! ]*}"}
        column=$((${#line} - ${#bare}))
        if [ -z "$bare" ] || { [ "$skip" -ge 0 ] && [ "$column" -gt "$skip" ]; }; then
            echo
            continue
        fi
        skip=-1
        if [ "$text" -ge 0 ] && [ "$column" -gt "$text" ]; then
            printf '%s\n' "$line"
            continue
        fi
        text=-1

        # An item: its dashes, and what follows them.
        dash=-1
        while case $bare in '- '*) true ;; *) false ;; esac do
            dash=$column name=''
            bare=${bare#-}
            bare=${bare#"${bare%%[! ]*}"}
            column=$((${#line} - ${#bare}))
        done
        case $bare in
            - | --- | ...)
                printf '%s\n' "$line"
                continue
                ;;
        esac

        # A field: its name, and its value as far as it stands in this line.
        field=${bare%%:*}
        value=${bare#"$field"}
        key=${field#[\"\']}
        key=${key%[\"\']}
        case $key in '' | *[!A-Za-z0-9_./-]*) key='' ;; esac
        case $value in : | ': '*) value=${value#:} ;; *) key='' ;; esac
        value=${value# }
        if [ -z "$key" ]; then
            value=$bare
            column=$dash
            [ "$dash" -ge 0 ] || return 1
        fi
        case $value in
            '"' | "'" | '? '*) return 1 ;;
            '"'*'"' | "'"*"'") ;;
            '"'* | "'"*) return 1 ;;
            '|'* | '>'* | [!\&]*' |'* | [!\&]*' >'*) text=$column ;;
        esac

        secret=''
        if [ -n "$key" ]; then
            [ "$column" -gt "$under" ] || under=-1
            flag=''
            case $key in
                name) if [ "$text" -lt 0 ]; then name=$value; fi ;;
                value) if [ -z "$name" ] || is_secret "$name"; then secret=value; fi ;;
                *[Pp][Aa][Ss][Ss]* | *[Ss][Ee][Cc][Rr][Ee][Tt]* | *[Tt][Oo][Kk][Ee][Nn]* | *[Kk][Ee][Yy]* | *[Cc]* | *[DdJjPp][SsWw]*)
                    if echo "$key" | grep -qiE "^($SECRET)\$"; then secret=value; fi
                    ;;
            esac
            case $value in
                true | false | null | '~') secret='' ;;
                '') if [ "$secret" = value ] && [ "$key" != value ]; then under=$column && secret=''; fi ;;
            esac
        else
            [ "$dash" -ge "$under" ] || under=-1
            word=${value#[\"\']}
            if [ "$under" -ge 0 ] || { [ -n "$flag" ] && is_secret "$flag"; }; then
                secret=item
            else
                case $word in
                    -*=true* | -*=false* | -*=/etc/* | -*=/var/* | -*=/srv/* | -*=/opt/* | -*=/run/*) ;;
                    -*=*) if is_secret "${word%%=*}"; then secret=flag; fi ;;
                esac
            fi
            case $word in -*=*) flag='' ;; -*) flag=$word ;; *) flag='' ;; esac
            [ "$text" -lt 0 ] || flag=--secret # whatever the block of text ends with, the next item may belong to it
        fi

        lead=${line%"$bare"}
        case $secret in
            '') printf '%s\n' "$line" && continue ;;
            value) printf '%s%s: "<reduced>"\n' "$lead" "$field" ;;
            item) printf '%s"<reduced>"\n' "$lead" ;;
            flag) printf '%s"%s=<reduced>"\n' "$lead" "${word%%=*}" ;;
        esac
        skip=$column text=-1
    done
}

# NAME of a variable or flag, with its quotes.
is_secret() {
    echo "$1" | grep -iE 'pass|pw|secret|token|cred|key|auth|bearer|dsn|jwt|otp|cookie|salt' |
        grep -viqE '(file|path|dir|name|mode|ttl|url)s?["'\'',]*$'
}

# --- Packing -----------------------------------------------------------------------------------------------------------

gap() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$top/gaps"; } # PATH REASON DETAIL

# PATH. Sets `found` to where it really is on this machine; fails when its links lead nowhere, or out of the root.
locate() {
    hops=0 to=$1
    while [ -L "$root$to" ]; do
        hops=$((hops + 1))
        [ "$hops" -le 40 ] || return 1
        link=$(readlink "$root$to") || return 1
        case $link in /*) to=$link ;; *) to=${to%/*}/$link ;; esac
    done
    case ${to##*/} in '' | . | ..) return 1 ;; esac
    folder=$(cd -P "$root${to%/*}/" 2>/dev/null && pwd) || return 1
    case $folder/ in "${root_really%/}"/*) ;; *) return 1 ;; esac
    found=${folder%/}/${to##*/}
    [ -e "$found" ]
}

# passwd|group NUMBER. The name that the node gives it.
name_of() {
    name=$(sed -n "s/^\([^:]*\):[^:]*:$2:.*/\1/p" "$root/etc/$1" 2>/dev/null | sed 1q)
    echo "${name:-$2}"
}

# KIND PATH TARGET. One line of the list: f file, d folder, s special, n nothing (a link that leads nowhere).
last_uid='' last_gid=''
list() {
    mode='' size='' changed=''
    if [ "$1" = n ] || ! facts=$(stat -c '%a %u %g %s %Y' "$found" 2>/dev/null); then
        printf '%s\t\t\t\t\t\t%s\t%s\n' "$1" "$2" "$3" >>"$top/files"
        return
    fi
    read -r mode uid gid size changed <<END
$facts
END
    if [ "$uid" != "$last_uid" ]; then last_uid=$uid && owner=$(name_of passwd "$uid"); fi
    if [ "$gid" != "$last_gid" ]; then last_gid=$gid && group=$(name_of group "$gid"); fi
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$mode" "$owner" "$group" "$size" "$changed" "$2" "$3" >>"$top/files"
}

# FORM PATH. Packs one file, once. Fails when there is none.
take() {
    [ -e "$root$2" ] || [ -L "$root$2" ] || return 1
    case $2 in
        *[![:print:]]*)
            gap "${2%/*}" refused 'a file name that is not plain text'
            return 0
            ;;
    esac
    if grep -Fxq -e "$2" "$work/seen"; then return 0; fi
    echo "$2" >>"$work/seen"
    target=''
    if [ -L "$root$2" ]; then target=$(readlink "$root$2" | tr "$TAB" ' '); fi
    if ! locate "$2"; then
        list n "$2" "$target"
    elif [ -d "$found" ]; then
        [ "$1" != stat ] || list d "$2" "$target"
    elif [ ! -f "$found" ]; then
        list s "$2" "$target"
    else
        list f "$2" "$target"
        [ "$1" = stat ] || pack "$1" "$2"
    fi
    return 0
}

# FORM PATH. The content of the file at $found.
pack() {
    if [ ! -r "$found" ]; then
        gap "$2" forbidden 'permission denied'
        return
    elif [ "$1" != log ] && [ "${size:-$(wc -c <"$found")}" -gt "$MAX_BYTES" ]; then
        gap "$2" 'too large' "larger than $MAX_BYTES bytes"
        return
    fi
    echo "$2" >>"$work/$1s"
    [ -d "$top/content${2%/*}" ] || mkdir -p "$top/content${2%/*}"
    case $1 in
        pem) reduce_pem "$found" ;;
        kubeconfig) reduce_kubeconfig "$found" ;;
        document) reduce_document "$found" ;;
        text) scrub <"$found" ;;
        log) tail -n "$LOG_LINES" "$found" | scrub ;;
    esac >"$top/content$2" || {
        rm -f "$top/content$2"
        gap "$2" malformed 'not written line by line as kubectl writes it: what is secret in it cannot be told'
    }
}

# FOLDER. Lists it, so that the reader knows that it was looked into. Fails when that was not possible.
open_folder() {
    [ -d "$root$1" ] && locate "$1" || return 1
    list d "$1" ''
    [ -r "$found" ] && [ -x "$found" ] && return 0
    gap "$1" forbidden 'permission denied'
    return 1
}

# FORM PATTERN. Packs every file that matches.
take_all() {
    case $2 in
        *'/**') take_below "$1" "${2%/'**'}" ;;
        *'*'*)
            folder=${2%%'*'*}
            folder=${folder%/*}
            [ -z "$folder" ] || open_folder "$folder" || return 0
            IFS='' # a path with spaces in it is one path
            for match in .$2; do
                unset IFS
                take "$1" "${match#.}" </dev/null || :
            done
            unset IFS
            ;;
        *) take "$1" "$2" </dev/null || : ;;
    esac
}

# FORM FOLDER. Packs all files below it.
take_below() {
    open_folder "$2" || return 0
    start=$found
    find "$start" -mindepth 1 -maxdepth 9 -type d 2>/dev/null | while IFS= read -r match; do
        open_folder "$2${match#"$start"}" || :
    done
    find "$start" -mindepth 1 -maxdepth 9 ! -type d 2>/dev/null | sed "$((MAX_FILES + 1))q" >"$work/matches"
    if [ "$(wc -l <"$work/matches")" -gt "$MAX_FILES" ]; then
        gap "$2" 'too large' "more than $MAX_FILES files"
    fi
    while IFS= read -r match; do
        case $match in
            *.crt | *.cert | *.cer | *.pem | *.key | *.pub | *.csr | *.der) form=$1 ;;
            *) form=stat ;;
        esac
        take "$form" "$2${match#"$start"}" </dev/null || :
    done <"$work/matches"
}

# FORM, paths on standard input.
take_each() {
    while IFS= read -r path; do
        take "$1" "$path" </dev/null || :
    done
}

# FORM. The content of every file packed as such so far, as it is on the node.
contents() {
    [ -f "$work/$1s" ] || return 0
    while IFS= read -r path; do
        if locate "$path"; then
            cat "$found"
            echo
        fi
    done <"$work/$1s"
}

# The files that those packed so far name.
follow() {
    contents document >"$work/all_documents"
    { cat "$work/all_documents" && contents text; } | sed -E 's/^[[:space:]]*-[[:space:]]+//' |
        tr '\n\\"'"'" '    ' >"$work/words"
    flags | while read -r form names; do
        grep -oE -e "--($names)[ =]+/[^][[:space:],:{}]*(,/[^][[:space:],:{}]*)?" "$work/words" |
            sed 's/^[^/]*//' | tr , '\n' | take_each "$form"
    done
    sed -nE 's/^[[:space:]]*"?(clientCAFile|tlsCertFile|tlsPrivateKeyFile)"?:[[:space:]]*"?(\/[^",[:space:]]+).*/\2/p' \
        "$work/all_documents" | take_each pem
    sed -nE 's/^[[:space:]]*"?staticPodPath"?:[[:space:]]*"?(\/[^",[:space:]]+).*/\1/p' "$work/all_documents" |
        while IFS= read -r path; do take_all document "${path%/}/*"; done
    # The plugins' files of an AdmissionConfiguration are named from its own folder.
    [ ! -f "$work/documents" ] || while IFS= read -r document; do
        locate "$document" || continue
        grep -q 'kind.*AdmissionConfiguration' "$found" || continue
        grep -oE "(^|[[:space:]{,])[\"']?path[\"']?:[[:space:]]*[\"']?[^][\"',{}[:space:]]+" "$found" |
            sed -E "s/.*path[\"']?:[[:space:]]*[\"']?//;/^[^\/]/s|^|${document%/*}/|" | take_each document
    done <"$work/documents"
    [ ! -f "$work/kubeconfigs" ] || while IFS= read -r kubeconfig; do
        locate "$kubeconfig" || continue
        sed -nE "s/^ *(- +)*(client-certificate|client-key|certificate-authority): +[\"']?([^\"' #]+).*/\\3/p" "$found" |
            sed "/^[^/]/s|^|${kubeconfig%/*}/|" | take_each pem
    done <"$work/kubeconfigs"
}

# NAME COMMAND…. What a command prints, its last lines.
output() {
    file=$top/output/$1
    shift
    echo "\$ $*" >"$file"
    $limit "$@" >"$work/printed" 2>&1 </dev/null || gap "$*" unreachable "exit status $?"
    tail -n "$LOG_LINES" "$work/printed" | scrub >>"$file"
}

has() { command -v "$1" >/dev/null 2>&1; }

# What only the running node can say.
ask_node() {
    limit=''
    if has timeout && timeout 5 true 2>/dev/null; then limit='timeout 30'; fi
    if has timedatectl; then output clock timedatectl; fi
    if has chronyc; then output chrony chronyc -n tracking; fi
    if has journalctl; then
        output kubelet journalctl -u kubelet --no-pager -o short-iso -n "$LOG_LINES"
    else
        gap journalctl 'not supplied' 'no such command on this node: the log of the kubelet is missing'
    fi
    if has crictl; then output containers crictl ps -a; elif has docker; then output containers docker ps -a; fi
    for program in kube-apiserver kube-controller-manager kube-scheduler etcd; do
        if grep -q "/kube-system_$program-.*[.]log\$" "$work/seen"; then continue; fi
        if has crictl; then
            tool=crictl
            ids=$($limit crictl ps -a -q --name "$program" 2>/dev/null </dev/null | sed 3q)
        elif has docker; then
            tool=docker
            ids=$($limit docker ps -a -q --filter "name=$program" 2>/dev/null </dev/null | sed 3q)
        elif grep -q "/${program}[.]" "$work/seen"; then
            gap crictl 'not supplied' "neither crictl nor docker on this node: the log of $program is missing"
            continue
        else
            continue
        fi
        for id in $ids; do output "$program-$id" "$tool" logs --tail "$LOG_LINES" "$id"; done
    done
}

say() { echo "$*" >&2; }

main() {
    root='' archive=''
    while getopts r:o:h option; do
        case $option in
            r) root=$OPTARG ;;
            o) archive=$OPTARG ;;
            *)
                say 'Usage: sh collect.sh [-r ROOT] [-o ARCHIVE]'
                [ "$option" = h ]
                exit $((2 * $?))
                ;;
        esac
    done
    for tool in sed grep tar find readlink mktemp; do
        has "$tool" || { say "collect.sh: $tool is needed and not on this node" && exit 3; }
    done
    root_really=$(cd -P "${root:-/}" 2>/dev/null && pwd) || { say "collect.sh: no folder $root" && exit 2; }
    root=${root_really%/}
    host=$(sed -n 's/^[[:space:]]*\([A-Za-z0-9._-]\{1,253\}\).*/\1/p' "$root/etc/hostname" 2>/dev/null | sed 1q)
    if [ -z "$host" ] && [ -z "$root" ]; then host=$(uname -n); fi
    archive=${archive:-k8srun-node-${host:-unknown}.tar.gz}
    case $archive in - | /*) ;; *) archive=$(pwd)/$archive ;; esac
    if [ -e "$archive" ]; then say "collect.sh: $archive is there already: name another with -o" && exit 2; fi

    work=$(mktemp -d "${TMPDIR:-/tmp}/k8srun-node.XXXXXX") && work=$(cd "$work" && pwd) || exit 3
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' HUP INT TERM
    top=$work/k8srun-node
    mkdir -p "$top/content" "$top/output"
    : >"$work/seen" && : >"$top/files" && : >"$top/gaps"
    [ "$(id -u)" = 0 ] || say 'collect.sh: not root: most keys and kubeconfigs will be missing'
    has openssl || gap openssl 'not supplied' 'no such command on this node: nothing is known of private keys'
    has stat || gap stat 'not supplied' 'no such command on this node: modes and owners are not known'
    printf 'format: k8srun-node/v1\nhost: %s\ncollected: %s\n' "$host" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$top/manifest"

    cd "${root:-/}" || exit 3
    places >"$work/places"
    while read -r form pattern; do take_all "$form" "$pattern"; done <"$work/places"
    follow
    follow # what was named names more: a static pod its configuration, that a kubeconfig, that a certificate
    follow
    [ -n "$root" ] || ask_node
    write_archive
}

write_archive() {
    if [ "$archive" = - ]; then
        tar -czf - -C "$work" k8srun-node || exit 3
        archive=ARCHIVE
    else
        # Under its name only once it is whole.
        if ! tar -czf "$archive.part" -C "$work" k8srun-node || ! mv "$archive.part" "$archive"; then
            rm -f "$archive.part"
            say "collect.sh: $archive cannot be written" && exit 3
        fi
    fi
    say "Files packed of ${host:-this node}: $(grep -c '^f' "$top/files"). Private keys, tokens and passwords were left out."
    if [ -s "$top/gaps" ]; then
        say "Could not be read ($(wc -l <"$top/gaps" | tr -d ' ')):"
        sed "s/$TAB/: /;s/$TAB/, /;s/^/  /" "$top/gaps" >&2
    fi
    say "Look into it:  tar -tzvf $archive"
    say "Then, where k8srun is installed:  k8srun run x509-error --host-root $archive"
}

# Last and on one line: a shell that reads this from its input has then read all of it.
main "$@" </dev/null
