//! Requests over route netlink, each on a small runtime of its own.

use std::io;

use futures_util::TryStreamExt;
use nix::errno::Errno;
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec,
    packet_route::link::{LinkAttribute, LinkMessage},
};

use crate::{
    error::{Result, TestbedError, is},
    namespace::NetNs,
};

/// What netlink requests that change something need.
const CAPABILITY: &str = "CAP_NET_ADMIN";

/// Runs `requests` inside `namespace`.
pub(crate) fn within<T, F>(namespace: &NetNs, requests: F) -> Result<T>
where
    F: AsyncFnOnce(Handle) -> Result<T> + Send,
    T: Send,
{
    namespace.run(|| here(requests))?
}

/// Runs `requests` in the namespace of the calling thread, which must not be inside a runtime.
pub(crate) fn here<T, F>(requests: F) -> Result<T>
where
    F: AsyncFnOnce(Handle) -> Result<T>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|source| TestbedError::sys("making a runtime for netlink", source))?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection()
            .map_err(|source| TestbedError::sys("opening a netlink socket", source))?;
        tokio::spawn(connection);
        requests(handle).await
    })
}

/// Wraps the answer to a request about the link `name`.
pub(crate) fn refused(call: &'static str, name: &str, error: rtnetlink::Error) -> TestbedError {
    let source = match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    };
    if is(&source, Errno::ENODEV) {
        TestbedError::Gone { name: name.to_owned() }
    } else if is(&source, Errno::EEXIST) {
        TestbedError::Exists { name: name.to_owned() }
    } else {
        TestbedError::refused(call, CAPABILITY, source)
    }
}

/// Changes one link.
pub(crate) async fn set_link(
    rtnl: &Handle,
    name: &str,
    change: LinkMessageBuilder<LinkUnspec>,
) -> Result<()> {
    rtnl.link()
        .set(change.build())
        .execute()
        .await
        .map_err(|error| refused("changing a link (RTM_SETLINK)", name, error))
}

/// All that the kernel tells about one link.
pub(crate) async fn link(rtnl: &Handle, index: u32, name: &str) -> Result<LinkMessage> {
    let request = rtnl.link().get().match_index(index);
    one(request.execute(), name).await
}

/// As [`link`], by name.
pub(crate) async fn link_by_name(rtnl: &Handle, name: &str) -> Result<LinkMessage> {
    let request = rtnl.link().get().match_name(name);
    one(request.execute(), name).await
}

/// Names of all links of the namespace.
pub(crate) async fn link_names(rtnl: &Handle) -> Result<Vec<String>> {
    let links: Vec<LinkMessage> = rtnl
        .link()
        .get()
        .execute()
        .try_collect()
        .await
        .map_err(|error| refused("listing links (RTM_GETLINK)", "*", error))?;
    let name = |attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name),
        _ => None,
    };
    Ok(links.into_iter().filter_map(|link| link.attributes.into_iter().find_map(name)).collect())
}

async fn one(
    mut answers: impl futures_util::Stream<Item = Result<LinkMessage, rtnetlink::Error>> + Unpin,
    name: &str,
) -> Result<LinkMessage> {
    match answers.try_next().await {
        Ok(Some(link)) => Ok(link),
        Ok(None) => Err(TestbedError::Gone { name: name.to_owned() }),
        Err(error) => Err(refused("asking about a link (RTM_GETLINK)", name, error)),
    }
}
