//! The password of the one user there is, as access control lists write it.
//!
//! Redis keeps `requirepass` a second time: CONFIG REWRITE adds a line `user default` with the
//! SHA-256 of the password. It is written here in the same way, and read back if both agree.

use sha2::{Digest, Sha256};

/// The line that CONFIG REWRITE writes for the default user.
pub(super) fn default_user_line(password: &[u8]) -> String {
    let credential = match password {
        b"" => "nopass".to_owned(),
        password => format!("#{}", sha256(password)),
    };
    format!("user default on {credential} ~* &* +@all")
}

/// Whether `rules` let the default user do everything, with no password or with this one.
///
/// No password beside a `requirepass` is taken for less than it says: the password is asked for.
pub(super) fn is_default_user(rules: &[Vec<u8>], password: &[u8]) -> bool {
    const OPEN: [&[u8]; 6] = [
        b"on",
        b"nopass",
        b"sanitize-payload",
        b"~*",
        b"&*",
        b"+@all",
    ];
    rules.iter().all(|rule| match rule.as_slice() {
        [b'#', hash @ ..] => !password.is_empty() && sha256(password).as_bytes() == hash,
        [b'>', word @ ..] => !password.is_empty() && password == word,
        rule => OPEN.contains(&rule),
    })
}

fn sha256(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_one_that_redis_writes() {
        assert_eq!(default_user_line(b""), "user default on nopass ~* &* +@all");
        assert_eq!(
            default_user_line(b"foo bar"),
            "user default on #fbc1a9f858ea9e177916964bd88c3d37b91a1e84412765e29950777f265c4b75 \
             ~* &* +@all"
        );
    }

    #[test]
    fn another_password_than_the_one_asked_for_is_another_user() {
        let rules = |line: &str| -> Vec<Vec<u8>> {
            line.split(' ').skip(2).map(|word| word.into()).collect()
        };
        let written = rules(&default_user_line(b"hush"));
        assert!(is_default_user(&written, b"hush"));
        assert!(!is_default_user(&written, b"other"));
        assert!(!is_default_user(&written, b""));
        assert!(is_default_user(
            &rules("user default on >hush +@all"),
            b"hush"
        ));
        assert!(!is_default_user(&rules("user default on > +@all"), b""));
        assert!(!is_default_user(
            &rules("user default on nopass -@all"),
            b""
        ));
    }
}
