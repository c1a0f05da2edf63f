//! Secrets in the file: a reference, or the value itself with a warning.

use secrecy::SecretString;

use super::context::ReadContext;
use crate::diagnose::DiagnosticCode;
use crate::keys;
use crate::model::Secret;
use crate::tree::Value;

const FORMS: &str = "write { keyring = \"NAME\" }, { env = \"NAME\" } or { file = \"PATH\" }";

pub(super) fn read(value: &Value<'_>, context: &ReadContext<'_>) -> Option<Secret> {
    if let Some(text) = value.peek_str() {
        return plain(value, text);
    }
    if !value.is_table() {
        value.redact();
        value.refuse(
            DiagnosticCode::WrongType,
            format!("\"{}\" takes a secret's reference", value.key),
            FORMS,
        );
        return None;
    }
    if value.is_plain_mark() {
        let cause =
            "{ plain = true } is only a placeholder for a secret that is written in the file";
        value.refuse(DiagnosticCode::BadValue, cause, FORMS);
        return None;
    }
    let table = value.table(&keys::SECRET)?;
    let given: Vec<(&str, Value<'_>)> = keys::SECRET
        .keys
        .iter()
        .filter_map(|key| Some((*key, table.get(key)?)))
        .collect();
    let [(kind, name)] = given.as_slice() else {
        value.refuse(
            DiagnosticCode::BadValue,
            "a secret has exactly one source",
            FORMS,
        );
        return None;
    };
    let text = name.filled()?;
    match *kind {
        "env" if text.contains(['=', '\0']) => {
            name.refuse(
                DiagnosticCode::BadValue,
                "an environment variable's name holds no \"=\"",
                "write the variable's name only",
            );
            None
        }
        "env" => Some(Secret::Env(text.to_owned())),
        "file" => Some(Secret::File(context.path(text))),
        _ => Some(Secret::Keyring(text.to_owned())),
    }
}

fn plain(value: &Value<'_>, text: &str) -> Option<Secret> {
    value.redact();
    if text.is_empty() {
        value.refuse(
            DiagnosticCode::BadValue,
            format!("\"{}\" is empty", value.key),
            FORMS,
        );
        return None;
    }
    warn_plain(value);
    Some(Secret::Plain(SecretString::from(text)))
}

pub(super) fn warn_plain(value: &Value<'_>) {
    let cause = format!("\"{}\" holds a secret in the clear", value.key);
    value.warn(DiagnosticCode::PlainSecret, cause, "move it to the keyring: { keyring = \"NAME\" }; or use { env = \"NAME\" }, { file = \"PATH\" }");
}
