//! Names of images.

/// A name without a digest as its path and its tag: `shop` and `dev` for `shop:dev`.
pub fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        // what follows the last colon of `host:5000/shop` is not a tag
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_a_tag() {
        assert_eq!(split_tag("shop:dev"), ("shop", Some("dev")));
        assert_eq!(split_tag("host:5000/shop"), ("host:5000/shop", None));
        assert_eq!(split_tag("host:5000/shop:1"), ("host:5000/shop", Some("1")));
    }
}
