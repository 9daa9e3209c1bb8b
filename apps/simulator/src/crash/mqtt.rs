//! As much of MQTT 5 as it takes to see what is published and what is acknowledged.
//!
//! # Deliberately absent
//!
//! Any check of what is of no concern here: a real broker reads the same bytes.

#[cfg(test)]
mod tests;

/// What goes over the cable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// A message of quality of service 1; others need no answer and are [`Other`](Self::Other).
    Publish { id: u16, topic: String, payload: Vec<u8> },
    /// An answer to one: whether the receiver has taken it.
    Answer { id: u16, is_taken: bool },
    /// Anything else.
    Other,
}

/// These bytes are no MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoMqtt;

/// Cuts a stream of bytes into packets.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    bytes: Vec<u8>,
}

impl Splitter {
    /// The packets that are whole with these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Packet>, NoMqtt> {
        self.bytes.extend_from_slice(bytes);
        let mut packets = Vec::new();
        let mut from = 0;
        while let Some((packet, len)) = first(self.bytes.get(from..).unwrap_or_default())? {
            packets.push(packet);
            from += len;
        }
        self.bytes.drain(..from);
        Ok(packets)
    }
}

/// The packet at the beginning and how long it is, if it is whole.
fn first(bytes: &[u8]) -> Result<Option<(Packet, usize)>, NoMqtt> {
    let Some((&head, rest)) = bytes.split_first() else { return Ok(None) };
    let Some((len, body)) = varint(rest)? else { return Ok(None) };
    let Some(content) = body.get(..len) else { return Ok(None) };
    let packet = match (head >> 4, head >> 1 & 3) {
        (3, 1) => publish(content)?.ok_or(NoMqtt)?,
        (4, _) => answer(content).ok_or(NoMqtt)?,
        _ => Packet::Other,
    };
    Ok(Some((packet, bytes.len() - body.len() + len)))
}

fn publish(content: &[u8]) -> Result<Option<Packet>, NoMqtt> {
    let Some((len, rest)) = number(content) else { return Ok(None) };
    let Some((topic, rest)) = rest.split_at_checked(len.into()) else { return Ok(None) };
    let Some((id, rest)) = number(rest) else { return Ok(None) };
    let Some((properties, rest)) = varint(rest)? else { return Ok(None) };
    let topic = String::from_utf8_lossy(topic).into_owned();
    Ok(rest.get(properties..).map(|payload| Packet::Publish { id, topic, payload: payload.into() }))
}

/// Without a reason there was none against it.
fn answer(content: &[u8]) -> Option<Packet> {
    let (id, rest) = number(content)?;
    Some(Packet::Answer { id, is_taken: rest.first().is_none_or(|reason| *reason < 0x80) })
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
}

/// A length of one to four bytes, seven bits each, and what comes after it.
fn varint(bytes: &[u8]) -> Result<Option<(usize, &[u8])>, NoMqtt> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(bytes.get(place + 1..).map(|rest| (value, rest)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(NoMqtt) }
}
