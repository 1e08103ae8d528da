"""Settings, flags, headers and variables in a text whose names look secret: their values go, whatever the notation.

Every pattern is anchored at a boundary or bounded in length, so that a text of n characters takes O(n) time.
"""

from __future__ import annotations

import re
from functools import partial

from k8srun.secretnames import is_harmless, looks_secret, marker, reduce_value

HINT = (
    "pass|pw|secret|token|key|cred|auth|bearer|dsn|jwt|otp|psk|pat|salt|cookie|hmac"
    "|connection|url|uri|signature|mnemonic"
)
"""Part of every name that `looks_secret` calls secret: what has none of them in it needs no closer look."""

# A name is taken whole (atomic), and only one that holds a hint: linear, and `--from-literal=password=x` is not
# mistaken for a setting called `from-literal`.
_NAME = rf"(?=[\w./-]{{0,200}}?(?i:{HINT}))(?P<name>(?>[\w./-]{{1,300}}))"
_LINE = re.compile(
    rf"""(?mx)
    ^(?P<indent>[ \t]*) (?:(?:\#|//|;)[ \t]*)? (?:-[ \t]+)?(?:export[ \t]+|set[ \t]+)?(?P<quote>["']?)
    {_NAME} (?P=quote) [ \t]*(?:=|:(?=[ \t\n]))[ \t]*+
    (?P<value> (?:[!&]\S{{1,64}}[ \t]+){{0,2}} [|>][-+\d]{{0,2}}[ \t]*(?:\#[^\n]*)?      # a block scalar
               (?:\n(?:(?P=indent)[ \t]+[^\n]*|[ \t]*(?=\n)))+
             | \n(?P=indent)[ \t]+(?!-[ \t])[^\s:\#{{\[][^\n:]*(?=\n|\Z)                 # on a line of its own
             | (?:\n(?P=indent)[ \t]*+-[ \t]++(?!["'\w./-]+:(?:[ \t\n]|\Z))[^\s{{\[][^\n]*)+   # a list of texts
             | (?!["'])[^\n]*)
    """
)
_QUOTED = re.compile(
    rf"""(?x) (?<![\w./-]) {_NAME} \\{{0,8}}["']? [ \t]{{0,4}} [:=] [ \t]{{0,4}}
    (?P<quote>\\{{0,8}}["']) (?P<value>[^\n]*?) (?: (?<!\\)(?P=quote)(?!(?P=quote)) | (?=\n|\Z) )"""
)
_BARE = re.compile(
    rf"""(?x) (?<![\w./-]) {_NAME}
    (?: = (?P<value>(?![\\"'<])[^\s"'&]+)
      | \\{{0,8}}["'][ \t]{{0,4}}:[ \t]{{0,4}}+ (?P<json>(?![\\"'<])[^\s,}}\]"']+) )"""
)
_FLOW = re.compile(rf"(?<=[{{, ]){_NAME}:[ \t]{{1,4}}(?P<value>(?![\"'<])[^\s,}}\"']+)(?=[ \t]{{0,4}}[,}}])")
_FLAG = re.compile(rf"(?<!\S)--?{_NAME}[ \t]+(?P<value>(?![-<\"'])\S+|[\"'][^\"'\n]+)")
# Items of a list: `["--token", "x"]`, and each on a line of its own.
_FLAG_ITEM = re.compile(
    rf"""(?x) (?<![\w-])--?{_NAME} (?: \\{{0,8}}["'][ \t]*+,[ \t]*+\\{{0,8}}["'] | ["']?[ \t]*+\n[ \t]*+-[ \t]++["']? )
    (?P<value>(?![-<])[^\s"'\\]+)"""
)
# A header in quotation marks: curl -H "X-Api-Key: x".
_HEADER_ITEM = re.compile(
    r"""(?ix) (?<=["'])(?P<name>(?:proxy-)?authorization | (?:set-)?cookie | x-[\w-]{1,60} | [\w-]{1,60}-(?:token|key))
    :[ \t]{1,4}+(?P<value>(?!["'<])[^"'\n\\]+)(?=\\{0,8}["'])"""
)
_XML = re.compile(rf"<(?!/){_NAME}>(?P<value>[^<\n]+)(?=</)")
# Within prose, where `password: rejected` is a sentence and `password: hunter2` is none; so is a last word.
_PROSE = re.compile(
    r"(?i)(?<![\w./-])(?P<name>[\w.-]{0,100}pass(?:word|wd|phrase)):[ \t]{1,4}"
    r"(?P<value>(?=[^\s\d]{0,100}\d)[^\s,;\"'<]+)"
)
_LAST_WORD = re.compile(
    r"""(?mix) ^[ \t]*+ (?:[\w.-]{1,100}[ \t]++){0,4}? \$?
    (?P<name>[\w.-]{0,60}?(?:password|passwd|requirepass|masterauth|(?:root|bind|user|admin)pw|api[_-]?key|access_key))
    [ \t]++ ["']? (?P<value>(?=[^\s\d]{0,100}\d)[^\s"';<]+) ["']? [ \t]*+;?[ \t]*+ $"""
)
# A variable, or a property of XML: its name, then its value.
_NAMED = re.compile(
    rf"""(?x) \b(?:name|key)\\{{0,8}}["']?[ \t]*+[:=][ \t]*+\\{{0,8}}["']? {_NAME} \\{{0,8}}["']?
    (?: [ \t]*+,[ \t]*+ | [ \t]*+\n[ \t]*+ | [ \t]++ ) \\{{0,8}}["']?value\\{{0,8}}["']?[ \t]*+[:=][ \t]*+
    (?: \\{{0,8}}["'](?P<value>[^"'\n\\]+) | (?P<json>(?![\\"'<])[^\n,}}"']+) )"""
)
_OBJECT_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}/[a-z0-9][a-z0-9.-]{0,252}")


def _drop_setting(match: re.Match[str], *, whole: bool = False) -> str:
    text, name = match.string, match.group("name")
    group = match.lastgroup if match.lastgroup == "json" else "value"
    value = match.group(group)
    if not looks_secret(name, whole=whole) or is_harmless(value):
        return match.group()
    if name.lower() == "secret" and _OBJECT_NAME.fullmatch(value):
        return match.group()  # klog: secret="shop/web-tls"
    before = text[match.start() : match.start(group)]
    return f"{before}{marker(value)}{text[match.end(group) : match.end()]}"


# --- A manifest of a Secret within a text: nothing is known of its values ---------------------------------------------

_IS_SECRET = re.compile(r"""\bkind\\{0,8}["']?[ \t]{0,4}:[ \t]{0,4}\\{0,8}["']?Secret\b|stringData""")
_DATA_LINES = re.compile(
    r"(?m)^(?P<indent>[ \t]*)(?P<head>(?:data|stringData):)[ \t]*\n(?P<value>(?:(?P=indent)[ \t]+[^\n]*(?:\n|\Z))+)"
)
_DATA_JSON = re.compile(r"""(\\{0,8}")((?:data|stringData)\\{0,8}"[ \t]{0,4}:[ \t]{0,4})(\{[^{}]*\})""")


def _drop_manifests(text: str) -> str:
    if not _IS_SECRET.search(text):
        return text
    text = _DATA_LINES.sub(lambda match: f"{match['indent']}{match['head']} {marker(match['value'])}\n", text)
    return _DATA_JSON.sub(lambda match: f"{match[1]}{match[2]}{match[1]}{marker(match[3])}{match[1]}", text)


# --- Programs that take a password without a name for it --------------------------------------------------------------

_USER_FLAG = re.compile(r"(?<!\S)((?:-u|--user|--proxy-user)[ =]?[^\s:]{1,128}:)(?!\d+(?:\s|$)|<reduced)(\S{1,256})")
_MYSQL = re.compile(r"(?:mysql|mariadb)[^\n|;&]{0,512}")
_MYSQL_FLAG = re.compile(r"(\s-p)([^\s=<-]\S*)")
_LOGIN = re.compile(
    r"\b(?:sshpass|mongo(?:sh|dump|restore)?|redis-cli|ldap(?:search|add|modify|delete|whoami|passwd)|sqlcmd|login)"
    r"[ \t][^\n|;&]{0,512}"
)
_LOGIN_FLAG = re.compile(
    r"((?:\s-[paPw][ =]|sshpass[ \t]{1,4}-p))(?!\d{1,5}(?:\s|$))(\"[^\"\n]*\"|'[^'\n]*'|[^\s<-]\S*)"
)

LOGIN_FLAGS = {
    "sshpass": "-p", "login": "-p", "mongo": "-p", "mongosh": "-p", "mongodump": "-p", "mongorestore": "-p",
    "redis-cli": "-a", "ldapsearch": "-w", "ldapadd": "-w", "ldapmodify": "-w", "ldapwhoami": "-w", "sqlcmd": "-P",
}  # fmt: skip
"""Programs (or, of `docker login`, their command) and the flag of each that takes a password."""


def _drop_flag(match: re.Match[str]) -> str:
    return f"{match[1]}{reduce_value(match[2])}"


def _drop_program_flags(text: str) -> str:
    text = _USER_FLAG.sub(_drop_flag, text)
    text = _MYSQL.sub(lambda match: _MYSQL_FLAG.sub(_drop_flag, match[0]), text)
    return _LOGIN.sub(lambda match: _LOGIN_FLAG.sub(_drop_flag, match[0]), text)


def drop_settings(text: str) -> str:
    """`text` without the values of what has a secret's name."""
    text = _drop_program_flags(_drop_manifests(text))
    text = _NAMED.sub(partial(_drop_setting, whole=True), text)
    for pattern in (_LINE, _QUOTED, _BARE, _FLOW, _FLAG, _FLAG_ITEM, _HEADER_ITEM, _XML, _PROSE, _LAST_WORD):
        text = pattern.sub(_drop_setting, text)
    return text
