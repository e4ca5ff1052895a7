//! Images into a registry, and the digest under which it has them.

use super::Images;
use super::engine::{Engine, EngineName};
use crate::containers::images::name::split_tag;
use crate::core::model::outcome::Fault;
use crate::process::command_context::{CommandContext, CommandError};

/// Whether the registry's certificate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registry {
    /// It is spoken to over HTTPS with a certificate that is trusted.
    Secure,
    /// Over HTTP, or HTTPS with any certificate.
    Insecure,
}

impl Images {
    /// Pushes an image under its own name. The digest is that of the manifest that the registry took.
    ///
    /// # Errors
    /// [`CommandError::Failed`] when there is no such image, or the registry refuses it; [`Fault`] when the engine does not say
    /// the digest.
    pub async fn push(
        &self,
        engine: &Engine,
        image: &str,
        registry: Registry,
        call: &CommandContext<'_>,
    ) -> Result<String, CommandError> {
        let doing = format!("push of {image}");
        let unknown = || Fault::unknown(format!("{} did not say the digest of {image}", engine.name));
        if engine.name == EngineName::Docker {
            let lines =
                self.act_and_read(engine, &call.command("docker", ["image", "push", image]), &doing, call).await?;
            let digest = lines.iter().rev().find_map(|line| digest_in(line)).ok_or_else(unknown)?;
            return Ok(digest.to_owned());
        }
        let file = call.scratch.join("pushed.digest");
        let mut args = vec!["push".to_owned(), "--digestfile".to_owned(), file.to_string_lossy().into_owned()];
        if registry == Registry::Insecure {
            args.push("--tls-verify=false".to_owned());
        }
        args.push(image.to_owned());
        self.act(engine, &call.command(engine.name.program(), args), &doing, call).await?;
        let text = crate::core::files::open::read_text(&file, 1 << 10).map_err(|_| unknown())?;
        Ok(digest_in(&format!("digest: {}", text.trim())).ok_or_else(unknown)?.to_owned())
    }
}

/// `dev: digest: sha256:… size: 1234`.
fn digest_in(line: &str) -> Option<&str> {
    let digest = line.split_once("digest: ")?.1.split_whitespace().next()?;
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digest)
}

/// The name under which exactly this image is pulled: `shop@sha256:…` for `shop:dev`.
pub fn pinned(image: &str, digest: &str) -> String {
    let bare = image.split('@').next().unwrap_or(image);
    format!("{}@{digest}", split_tag(bare).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_digest_that_docker_prints() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(digest_in(&format!("dev: digest: {digest} size: 527")), Some(digest.as_str()));
        assert_eq!(digest_in("dev: digest: sha256:12 size: 527"), None);
        assert_eq!(digest_in("The push refers to repository [127.0.0.1:5000/shop]"), None);
    }

    #[test]
    fn a_pinned_name_has_no_tag() {
        assert_eq!(pinned("127.0.0.1:5000/shop:dev", "sha256:1"), "127.0.0.1:5000/shop@sha256:1");
        assert_eq!(pinned("127.0.0.1:5000/shop", "sha256:1"), "127.0.0.1:5000/shop@sha256:1");
        assert_eq!(pinned("shop@sha256:0", "sha256:1"), "shop@sha256:1");
    }
}
