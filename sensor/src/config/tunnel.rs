//! Which tunnels are opened.

use sensor_ebpf::abi::TunnelKind;

use crate::capture::watched::{TUNNEL_SOURCES_MAX, TunnelSource};
use crate::config::error::ConfigError;
use crate::config::keys::keys;
use crate::config::parse::{parse_prefix, suggest};

keys! {
    /// `[[tunnel]]`: who may send frames in tunnels. Only those that are named here, and the other ends of this machine's own
    /// tunnel interfaces, are opened.
    pub TunnelKeys {
        /// Addresses and networks of the senders, such as 192.0.2.7 or 192.0.2.0/24 [default: none, it is required]
        sources: Vec<String>,
        /// The kind: gre, erspan, vxlan or geneve [default: any]
        kind: String,
        /// The VNI (vxlan, geneve), key (gre) or session (erspan) [default: any]
        id: u32,
    }
}

/// The kinds that can be named. PPPoE is no tunnel that comes from an address.
const KINDS: [TunnelKind; 4] = [TunnelKind::Gre, TunnelKind::Erspan, TunnelKind::Vxlan, TunnelKind::Geneve];

/// The sources of all tables.
pub(super) fn sources(tables: &[TunnelKeys]) -> Result<Vec<TunnelSource>, ConfigError> {
    let mut sources = Vec::new();
    for (number, keys) in (1..).zip(tables) {
        let named = keys.sources.as_deref().filter(|named| !named.is_empty());
        let kind = keys.kind.as_deref().map(parse_kind).transpose()?;
        for text in named.ok_or(ConfigError::NoTunnelSource(number))? {
            sources.push(TunnelSource { prefix: parse_prefix("[[tunnel]] sources", text)?, kind, id: keys.id });
        }
    }
    if sources.len() > TUNNEL_SOURCES_MAX {
        return Err(ConfigError::TunnelSources { named: sources.len(), most: TUNNEL_SOURCES_MAX });
    }
    Ok(sources)
}

fn parse_kind(word: &str) -> Result<TunnelKind, ConfigError> {
    let is_it = |kind: &TunnelKind| kind.name() == word;
    KINDS.into_iter().find(is_it).ok_or_else(|| ConfigError::TunnelKind {
        value: word.escape_debug().to_string(),
        suggestion: suggest(word, KINDS.map(TunnelKind::name)),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::file::File;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let read = File::parse(Path::new("s.toml"), text).and_then(|file| sources(&file.tunnels));
        let words = |sources: Vec<TunnelSource>| {
            let word = |source: &TunnelSource| format!("{} {:?} {:?}", source.prefix, source.kind, source.id);
            sources.iter().map(word).collect::<Vec<_>>().join(", ")
        };
        let got = read.map_or_else(|error| error.to_string(), words);
        assert!(got.contains(expected) && !got.contains('\n'), "{got}");
    }

    #[test]
    fn sources_of_tunnels() {
        check("", "");
        check(
            "[[tunnel]]\nsources = [\"192.0.2.7\", \"2001:db8::/64\"]\n",
            "192.0.2.7/32 None None, 2001:db8::/64 None None",
        );
        check(
            "[[tunnel]]\nsources = [\"192.0.2.0/24\"]\nkind = \"erspan\"\nid = 7\n",
            "192.0.2.0/24 Some(Erspan) Some(7)",
        );
        check("[[tunnel]]\nkind = \"erspan\"\n", "[[tunnel]] number 1 has no sources");
        check("[[tunnel]]\nsources = []\n", "[[tunnel]] number 1 has no sources");
        check("[[tunnel]]\nsources = [\"x\"]\n", "[[tunnel]] sources");
        check("[[tunnel]]\nsources = [\"192.0.2.7\"]\nkind = \"vxlam\"\n", "did you mean 'vxlan'?");
        check("[[tunnel]]\nsources = [\"192.0.2.7\"]\nkind = \"pppoe\"\n", "'pppoe' is no kind of tunnel");
        check("[[tunnel]]\nsource = [\"192.0.2.7\"]\n", "did you mean 'sources'?");
        let many = (0..33).map(|n| format!("\"192.0.2.{n}\"")).collect::<Vec<_>>().join(", ");
        check(&format!("[[tunnel]]\nsources = [{many}]\n"), "33 sources of tunnels are named; at most 32");
    }
}
