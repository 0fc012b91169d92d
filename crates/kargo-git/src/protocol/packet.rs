//! pkt-line: four hexadecimal digits of length, then the payload; lengths 0 to 2 are signs.

use super::Malformed;
use bytes::{Buf as _, Bytes, BytesMut};

/// The longest payload that fits into one packet.
pub(crate) const LONGEST: usize = 65_516;

/// One packet of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    /// A payload, as sent: a line may end with a line feed or not.
    Data(Bytes),
    /// `0000`: the end of a message.
    Flush,
    /// `0001`: the end of a section.
    Delimiter,
    /// `0002`: the end of an answer over a connection that stays open.
    End,
}

impl Packet {
    /// The payload without its line feed; signs have none.
    pub(crate) fn line(&self) -> Option<&[u8]> {
        match self {
            Self::Data(data) => Some(data.strip_suffix(b"\n").unwrap_or(data)),
            Self::Flush | Self::Delimiter | Self::End => None,
        }
    }
}

/// Cuts a stream of bytes into packets, whatever the chunks it comes in.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// Whether the stream may end here: no packet has been begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next whole packet, or `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, Malformed> {
        let Some(digits) = self.buffer.get(..4) else { return Ok(None) };
        let length = digits.iter().try_fold(0_usize, |length, digit| {
            let value = char::from(*digit).to_digit(16)?;
            Some(length << 4 | value as usize)
        });
        let sign = match length {
            None => return Err(Malformed("a packet does not start with its length")),
            Some(0) => Packet::Flush,
            Some(1) => Packet::Delimiter,
            Some(2) => Packet::End,
            Some(3) => return Err(Malformed("a packet is shorter than its own length field")),
            Some(length) if length - 4 > LONGEST => {
                return Err(Malformed("a packet is longer than packets can be"));
            }
            Some(length) if self.buffer.len() < length => return Ok(None),
            Some(length) => {
                let mut packet = self.buffer.split_to(length);
                packet.advance(4);
                return Ok(Some(Packet::Data(packet.freeze())));
            }
        };
        self.buffer.advance(4);
        Ok(Some(sign))
    }
}

/// Builds a request.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// Adds a line; its line feed is added here.
    pub(crate) fn line(mut self, line: &str) -> Self {
        debug_assert!(line.len() < LONGEST, "our own lines are short");
        self.bytes.extend_from_slice(format!("{:04x}{line}\n", line.len() + 5).as_bytes());
        self
    }

    /// Adds one line for each item.
    pub(crate) fn lines(self, lines: impl IntoIterator<Item = String>) -> Self {
        lines.into_iter().fold(self, |encoder, line| encoder.line(&line))
    }

    /// Ends a section.
    pub(crate) fn delimiter(mut self) -> Self {
        self.bytes.extend_from_slice(b"0001");
        self
    }

    /// Ends the request's message.
    pub(crate) fn flush(mut self) -> Self {
        self.bytes.extend_from_slice(b"0000");
        self
    }

    /// The request.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Encoder, Packet};

    fn decode(bytes: &[u8], chunk: usize) -> Result<(Vec<Packet>, bool), String> {
        let mut decoder = Decoder::default();
        let mut packets = Vec::new();
        for piece in bytes.chunks(chunk.max(1)) {
            decoder.push(piece);
            while let Some(packet) = decoder.next().map_err(|error| error.to_string())? {
                packets.push(packet);
            }
        }
        Ok((packets, decoder.is_empty()))
    }

    #[test]
    fn packets_are_found_however_the_stream_is_cut() {
        let bytes = Encoder::default().line("want").delimiter().line("").flush().finish();
        assert_eq!(bytes, b"0009want\n00010005\n0000");
        let expected = vec![
            Packet::Data("want\n".into()),
            Packet::Delimiter,
            Packet::Data("\n".into()),
            Packet::Flush,
        ];
        for chunk in 1..bytes.len() {
            assert_eq!(decode(&bytes, chunk), Ok((expected.clone(), true)), "chunks of {chunk}");
        }
    }

    #[test]
    fn garbage_is_refused_and_a_cut_packet_is_noticed() {
        for bad in ["<!DO", "0003", "ffff", "fff1", "+001", "00 1"] {
            assert!(decode(bad.as_bytes(), 1).is_err(), "{bad}");
        }
        for cut in ["0", "000", "0006a", "0004000"] {
            assert_eq!(decode(cut.as_bytes(), 1).map(|(_, whole)| whole), Ok(false), "{cut}");
        }
        assert_eq!(decode(b"0004", 1), Ok((vec![Packet::Data("".into())], true)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_cut_or_refused(bytes: Vec<u8>, chunk in 1_usize..9) {
            let whole = decode(&bytes, bytes.len());
            proptest::prop_assert_eq!(decode(&bytes, chunk).is_ok(), whole.is_ok());
        }
    }
}
