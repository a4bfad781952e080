//! Messages that are right, cut, and random.

use super::*;

/// One step of splitmix64: random enough, and the same on every run.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

/// Reads everything that can be read, as deep as it goes.
fn read_all(mut bytes: &[u8]) {
    while let Some((message, rest)) = Message::split(bytes) {
        assert!(rest.len() < bytes.len(), "a message takes at least a byte");
        assert!(message.payload.len() <= bytes.len());
        let _ = message.errno();
        let _ = message.extended_ack();
        for family_header_len in [0, 4, 16, usize::MAX] {
            read_attributes(message.attributes(family_header_len), 0);
        }
        bytes = rest;
    }
}

fn read_attributes(attributes: Attributes<'_>, depth: usize) {
    for attribute in attributes {
        assert!(attribute.kind <= NLA_TYPE_MASK);
        let _ = (attribute.as_u8(), attribute.as_u16(), attribute.as_u32());
        let _ = (attribute.as_u64(), attribute.as_uint(), attribute.as_str());
        if depth < 3 {
            read_attributes(attribute.nested(), depth + 1);
        }
    }
}

fn request() -> Vec<u8> {
    let request = Request::new(18, NLM_F_DUMP, &[7; 16]);
    let request = request.attribute(3, b"eth0\0").unwrap();
    let mut request = request.attribute(29, &9_u32.to_ne_bytes()).unwrap();
    request.finish(0x0102_0304).unwrap().to_vec()
}

#[test]
fn a_request_reads_back() {
    let bytes = request();
    let (message, rest) = Message::split(&bytes).unwrap();
    assert!(rest.is_empty());
    assert_eq!(message.kind, 18);
    assert_eq!(message.flags, NLM_F_DUMP | NLM_F_REQUEST);
    assert_eq!(message.sequence, 0x0102_0304);
    let mut attributes = message.attributes(16);
    let name = attributes.next().unwrap();
    assert_eq!((name.kind, name.as_str()), (3, Some("eth0")));
    let mask = attributes.next().unwrap();
    assert_eq!((mask.kind, mask.as_u32()), (29, Some(9)));
    assert_eq!(mask.as_u64(), None);
    assert!(attributes.next().is_none());
}

#[test]
fn a_number_has_four_bytes_or_eight() {
    let read = |payload: &[u8]| Attribute { kind: 1, payload }.as_uint();
    assert_eq!(read(&7_u32.to_ne_bytes()), Some(7));
    assert_eq!(read(&(1_u64 << 40).to_ne_bytes()), Some(1 << 40));
    assert_eq!((read(&[0; 3]), read(&[0; 6]), read(&[0; 12])), (None, None, None));
}

#[test]
fn an_attribute_that_cannot_say_its_length_is_refused() {
    let request = Request::new(18, 0, &[]);
    let refused = request.attribute(1, &vec![0; 65532]).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn lengths_that_lie_are_refused() {
    let whole = request();
    for length in [0_u32, 1, 15, 0x7fff_ffff, u32::MAX] {
        let mut bytes = whole.clone();
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        assert!(Message::split(&bytes).is_none(), "length {length}");
    }
    for cut in 0..whole.len() {
        assert!(Message::split(&whole[..cut]).is_none(), "cut at {cut}");
    }
    for length in [0_u16, 3, 0x7fff, u16::MAX] {
        let mut bytes = whole.clone();
        bytes[32..34].copy_from_slice(&length.to_ne_bytes());
        let (message, _) = Message::split(&bytes).unwrap();
        assert_eq!(message.attributes(16).count(), 0, "length {length}");
    }
}

#[test]
fn no_bytes_make_the_readers_panic() {
    let mut state = 1;
    let mut bytes = [0_u8; 256];
    for round in 0..20_000 {
        for byte in &mut bytes {
            *byte = next_random(&mut state).to_le_bytes()[0];
        }
        // Half of the rounds get plausible lengths, to come deeper.
        if round % 2 == 0 {
            let length = next_random(&mut state) % 300;
            bytes[..4].copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
            let kind = u16::try_from(round / 2 % 4).unwrap();
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            for offset in (16..254).step_by(8) {
                bytes[offset + 1] = 0;
            }
        }
        let length = usize::try_from(next_random(&mut state) % 257).unwrap();
        read_all(&bytes[..length]);
    }
}

/// An `NLMSG_ERROR` that carries `status`, the header of a request and `text`.
fn refusal(status: i32, text: &str) -> Vec<u8> {
    let flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
    let mut payload = status.to_ne_bytes().to_vec();
    payload.extend_from_slice(&[0; MESSAGE_HEADER_LEN]);
    let message = Request::new(NLMSG_ERROR, flags, &payload);
    let mut message = message.attribute(NLMSGERR_ATTR_MSG, text.as_bytes()).unwrap();
    message.finish(1).unwrap().to_vec()
}

#[test]
fn an_error_gives_its_errno_and_text() {
    let bytes = refusal(-19, "no such device\0");
    let (message, _) = Message::split(&bytes).unwrap();
    assert_eq!(message.errno(), Some(19));
    assert_eq!(message.extended_ack(), Some("no such device"));
}

#[test]
fn a_status_that_is_no_errno_is_refused() {
    for status in [1, i32::MAX, i32::MIN] {
        let bytes = refusal(status, "");
        let (message, _) = Message::split(&bytes).unwrap();
        assert_eq!(message.errno(), None, "status {status}");
    }
}
