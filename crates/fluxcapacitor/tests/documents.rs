//! The documents for users: links lead somewhere, names of ours exist, texts of errors are those that are printed.
//! (The programs in them are compiled by doc tests: see the end of `lib.rs`.)
// They lie beside the sources, which are not where the tests run under Wine.
#![cfg(not(windows))]

use std::fs;
use std::path::{Path, PathBuf};

use fluxcapacitor::Error;

/// Items that the documents name by their paths: each is imported here, and each is named there.
#[cfg(all(target_os = "linux", feature = "simulator", feature = "async"))]
macro_rules! items {
    ($($($part:ident)::+,)*) => {
        #[allow(unused_imports, reason = "that they can be imported is the test")]
        mod imported {
            $(use $($part)::+ as _;)*
        }
        const ITEMS: &[&str] = &[$(stringify!($($part)::+),)*];
    };
}

#[cfg(all(target_os = "linux", feature = "simulator", feature = "async"))]
items! {
    fluxcapacitor::builder::BusyPoll,
    fluxcapacitor::builder::FluxBuilder,
    fluxcapacitor::builder::NapiDeferral,
    fluxcapacitor::builder::Queues,
    fluxcapacitor::builder::ZeroCopy,
    fluxcapacitor::ebpf::Assembler,
    fluxcapacitor::ebpf::Helper,
    fluxcapacitor::engine::FluxEngine,
    fluxcapacitor::engine::PacketBatch,
    fluxcapacitor::engine::Pin,
    fluxcapacitor::engine::WorkerInfo,
    fluxcapacitor::granted::Granted,
    fluxcapacitor::hook::Attach,
    fluxcapacitor::hook::Hook,
    fluxcapacitor::hook::XdpProgram,
    fluxcapacitor::hook::XskMap,
    fluxcapacitor::packet::Packet,
    fluxcapacitor::packet::PacketRef,
    fluxcapacitor::poller::Poller,
    fluxcapacitor::proto::EthHeader,
    fluxcapacitor::proto::EtherType,
    fluxcapacitor::proto::FlowKey,
    fluxcapacitor::proto::Ipv4,
    fluxcapacitor::proto::Ipv4Header,
    fluxcapacitor::proto::UdpHeader,
    fluxcapacitor::proto::checksum::ChecksumStatus,
    fluxcapacitor::proto::checksum,
    fluxcapacitor::proto::checksum::complete,
    fluxcapacitor::proto::reply::arp_reply,
    fluxcapacitor::proto::reply::echo_reply,
    fluxcapacitor::raw::Device,
    fluxcapacitor::raw::FluxRaw,
    fluxcapacitor::raw::Kick,
    fluxcapacitor::raw::Statistics,
    fluxcapacitor::ring::CompletionRing,
    fluxcapacitor::ring::Descriptor,
    fluxcapacitor::ring::FillRing,
    fluxcapacitor::ring::RxRing,
    fluxcapacitor::ring::TxRing,
    fluxcapacitor::simulator::control::Fault,
    fluxcapacitor::simulator::control::World,
    fluxcapacitor::simulator::pcap,
    fluxcapacitor::stats::Drops,
    fluxcapacitor::stats::QueueStats,
    fluxcapacitor::stats::Stats,
    fluxcapacitor::system::Batch,
    fluxcapacitor::system::FluxRx,
    fluxcapacitor::system::FluxSystem,
    fluxcapacitor::system::FluxTx,
    fluxcapacitor::system::split,
    fluxcapacitor::tap::TapBuilder,
    fluxcapacitor::umem::Census,
    fluxcapacitor::umem::Chain,
    fluxcapacitor::umem::Foreign,
    fluxcapacitor::umem::Frame,
    fluxcapacitor::umem::FramePool,
    fluxcapacitor::umem::Segment,
    fluxcapacitor::umem::SharedFrameState,
    fluxcapacitor::umem::UmemRegion,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The README and everything in `docs`, by path.
fn documents() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut paths = vec![root.join("README.md")];
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    assert!(paths.len() >= 6, "{paths:?}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The text without its code blocks.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// What stands between single backquotes, outside of code blocks.
fn spans(text: &str) -> Vec<String> {
    prose(text).split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What a heading is called in links: GitHub's way.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    for (path, text) in documents() {
        let prose = prose(&text);
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let mut local = 0;
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target} is not there", path.display());
            if !heading.is_empty() {
                let text = fs::read_to_string(&file).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let found =
                    headings.any(|line| anchor(line.trim_start_matches(['#', ' '])) == heading);
                assert!(found, "{}: {target} has no such heading", path.display());
            }
            local += 1;
        }
        if path.ends_with("README.md") {
            assert!(local >= 9, "the README links the documents");
        }
    }
}

#[test]
fn the_readme_links_each_document() {
    let documents = documents();
    let readme = &documents[0].1;
    for (path, _) in &documents[1..] {
        let link = format!("](docs/{})", path.file_name().unwrap().to_str().unwrap());
        assert!(readme.contains(&link), "no {link} in the README");
    }
}

/// Every line of our crates' sources, file by file.
fn sources() -> Vec<String> {
    fn collect(directory: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut found = Vec::new();
    for name in ["fluxcapacitor", "fluxcapacitor-core", "fluxcapacitor-ebpf", "fluxcapacitor-proto"]
    {
        collect(&root().join("crates").join(name).join("src"), &mut found);
    }
    found
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Whether a line of source begins the definition or an implementation of the type.
fn is_about(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let begins = ["pub struct ", "pub enum ", "pub trait ", "impl"];
    begins.iter().any(|begin| line.starts_with(begin)) && words(line).any(|word| word == name)
}

/// Whether a line of source defines a public member: a function, a field or a variant.
fn defines(line: &str, member: &str) -> bool {
    let line = line.trim_start();
    if line.starts_with("//") {
        return false;
    }
    let mut words =
        words(line).filter(|word| !["pub", "const", "async", "unsafe", "fn"].contains(word));
    let is_first = words.next() == Some(member);
    let is_public = line.starts_with("pub ") || line.starts_with("fn ");
    let is_variant = member.starts_with(char::is_uppercase);
    is_first && (is_public || is_variant)
}

/// A name in the documents that is ours: an item, by its path if it has one there, and what it has.
struct Name {
    item: String,
    member: Option<String>,
}

/// Modules of the crate, at which paths in the documents begin.
const MODULES: [&str; 15] = [
    "builder",
    "ebpf",
    "engine",
    "granted",
    "hook",
    "packet",
    "poller",
    "proto",
    "raw",
    "ring",
    "simulator",
    "stats",
    "system",
    "umem",
    "tap",
];

/// The name in a span of code: `umem::Frame`, `fluxcapacitor::raw::FluxRaw::flush`, `FluxRaw::flush`; not
/// `std::thread`.
fn name(span: &str) -> Option<Name> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let path = span.split(|c| !is_path(c)).next()?;
    let path = path.strip_prefix("fluxcapacitor::").unwrap_or(path);
    let parts: Vec<_> = path.split("::").collect();
    let is_type = |part: &str| part.starts_with(char::is_uppercase);
    if parts.len() < 2 || !(MODULES.contains(&parts[0]) || is_type(parts[0])) {
        return None;
    }
    let end = parts.iter().position(|part| is_type(part)).map_or(parts.len(), |at| at + 1);
    let item = parts[..end].join("::");
    Some(Name { item, member: parts.get(end).map(|member| (*member).to_owned()) })
}

fn names() -> Vec<Name> {
    let documents = documents();
    documents.iter().flat_map(|(_, text)| spans(text)).filter_map(|span| name(&span)).collect()
}

#[cfg(all(target_os = "linux", feature = "simulator", feature = "async"))]
#[test]
fn items_that_are_named_by_paths_can_be_imported() {
    use std::collections::BTreeSet;

    let paths = names().into_iter().map(|name| name.item).filter(|item| item.contains("::"));
    let named: BTreeSet<_> = paths.map(|item| format!("fluxcapacitor::{item}")).collect();
    let imported: BTreeSet<_> = ITEMS.iter().map(|item| item.replace(' ', "")).collect();
    let missing: Vec<_> = named.difference(&imported).collect();
    assert!(missing.is_empty(), "named in a document, not imported above: {missing:#?}");
    let spare: Vec<_> = imported.difference(&named).collect();
    assert!(spare.is_empty(), "imported above, not named in a document: {spare:#?}");
}

#[test]
fn what_items_are_said_to_have_they_have() {
    let sources = sources();
    let mut seen = 0;
    for Name { item, member } in names() {
        let Some(member) = member else { continue };
        let holder = item.rsplit("::").next().unwrap();
        let about = |text: &&String| text.lines().any(|line| is_about(line, holder));
        let mut about = sources.iter().filter(about).peekable();
        // Of another library, unless its path is one of ours.
        if about.peek().is_none() && !item.contains("::") {
            continue;
        }
        let mut lines = about.flat_map(|text| text.lines());
        assert!(lines.any(|line| defines(line, &member)), "{item} has no {member}");
        seen += 1;
    }
    assert!(seen > 100, "{seen} names");
}

/// In its tables, what stands on the right is ours; members after the first of an item go without its name.
#[test]
fn what_others_calls_are_here_is_here() {
    let sources = sources();
    let guide = fs::read_to_string(root().join("docs/coming-from.md")).unwrap();
    let mut seen = 0;
    for row in guide.lines().filter(|line| line.starts_with("| ")) {
        let right = row.split(" | ").nth(1).unwrap();
        for span in spans(right) {
            if !span.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                continue;
            }
            let mut lines = sources.iter().flat_map(|text| text.lines());
            assert!(lines.any(|line| defines(line, &span)), "there is no {span}: {row}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen} names");
}

/// Paragraphs of the guide begin with texts of errors, with `…` for the rest.
#[test]
fn errors_are_quoted_as_they_are_printed() {
    let eth1 = || "eth1".to_owned();
    let what_is_printed = [
        Error::ProgramBusy {
            interface: eth1(),
            program: "flux_redirect (id 7, native)".to_owned(),
        },
        Error::QueueBusy { interface: eth1(), queue: 0, tried_ms: 3000 },
        Error::MissingCapability { capability: "CAP_NET_RAW", call: "socket(AF_XDP)" },
        Error::MissingCapability {
            capability: "CAP_BPF and CAP_NET_ADMIN",
            call: "bpf(BPF_MAP_CREATE)",
        },
        Error::MemoryLock { needed: 8 << 20, limit: 4 << 20 },
        Error::QueueOutOfRange { interface: eth1(), queue: 9, queues: 4 },
        Error::UnknownInterface { interface: eth1() },
    ]
    .map(|error| error.to_string());
    let guide = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    for text in &what_is_printed {
        let quoted = spans(&guide).into_iter().any(|span| {
            let mut parts = span.split('…');
            let first = parts.next().unwrap_or_default().trim_end();
            first.len() > 15
                && text.starts_with(first)
                && parts.all(|part| text.contains(part.trim()))
        });
        assert!(quoted, "not quoted in troubleshooting.md: {text}");
    }
}
