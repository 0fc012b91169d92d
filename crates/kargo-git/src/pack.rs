//! A look at every header of a pack before libgit2 is allowed near it.
//!
//! libgit2 believes what a pack says about itself: it reserves memory for the sizes that deltas announce
//! and follows chains of deltas however long they are. So each pack is first read once from end to end with
//! a small fixed buffer, and everything that it announces is compared with its budget. What is not checked
//! here (hashes, the trailer, whether a delta's instructions make sense) libgit2 checks while it indexes.

use crate::error::Cause;
use crate::limits::Limits;
use flate2::bufread::ZlibDecoder;
use std::collections::HashMap;
use std::io::{BufRead, Read};

/// What a pack turned out to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Objects in it.
    pub(crate) objects: u32,
}

const BROKEN: &str = "the pack is cut off or garbled";

/// Reads a whole pack and compares it with the budgets.
pub(crate) fn inspect(pack: impl BufRead, limits: &Limits) -> Result<Summary, Cause> {
    let mut pack = Counted { inner: pack, position: 0 };
    let header = read_array::<12>(&mut pack)?;
    let version = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    if &header[..4] != b"PACK" || !(version == 2 || version == 3) {
        return Err(Cause::Protocol { what: "what it sent is not a pack".into() });
    }
    let objects = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    if objects > limits.pack_objects {
        return Err(too_large("the number of objects", u64::from(limits.pack_objects)));
    }
    let mut inflated = 0_u64;
    let mut depths = HashMap::<u64, u32>::new();
    let mut buffer = vec![0; 64 << 10];
    for _ in 0..objects {
        let start = pack.position;
        let (kind, announced) = object_header(&mut pack)?;
        let base = match kind {
            // Commit, tree, blob, tag.
            1..=4 => None,
            6 => Some(Some(start.checked_sub(base_distance(&mut pack)?).ok_or_else(broken)?)),
            7 => {
                read_array::<20>(&mut pack)?;
                Some(None)
            }
            _ => return Err(broken()),
        };
        // Only blobs are streamed; everything else is held in memory.
        let longest = if kind == 3 { limits.object_bytes } else { limits.memory_bytes };
        if announced > longest {
            return Err(too_large("a file in the repository", longest));
        }
        let mut stream = ZlibDecoder::new(&mut pack);
        let mut first = [0; 20];
        let mut kept = 0;
        let mut length = 0_u64;
        loop {
            let count = stream.read(&mut buffer).map_err(|_| broken())?;
            if count == 0 {
                break;
            }
            let take = count.min(first.len() - kept);
            first[kept..kept + take].copy_from_slice(&buffer[..take]);
            kept += take;
            length += count as u64;
            if length > announced {
                return Err(broken());
            }
        }
        if length != announced {
            return Err(broken());
        }
        let mut size = length;
        if let Some(base) = base {
            // Both the base, which may be an object that was stored whole, and the result are held in memory.
            let (base_size, rest) = delta_size(&first[..kept])?;
            (size, _) = delta_size(rest)?;
            if size.max(base_size) > limits.memory_bytes {
                return Err(too_large("a file in the repository", limits.memory_bytes));
            }
            // A base that is named by its id may stand anywhere; libgit2 resolves those in rounds.
            let depth = base.and_then(|base| depths.get(&base).copied()).unwrap_or_default() + 1;
            if depth > limits.delta_depth {
                return Err(too_large("a chain of deltas", u64::from(limits.delta_depth)));
            }
            depths.insert(start, depth);
        }
        inflated = inflated.saturating_add(size);
        if inflated > limits.inflated_bytes {
            return Err(too_large("the content of the repository", limits.inflated_bytes));
        }
    }
    read_array::<20>(&mut pack)?;
    match pack.fill_buf() {
        Ok([]) => Ok(Summary { objects }),
        Ok(_) | Err(_) => Err(broken()),
    }
}

fn broken() -> Cause {
    Cause::Damaged { what: BROKEN.into() }
}

fn too_large(what: &'static str, limit: u64) -> Cause {
    Cause::TooLarge { what, limit }
}

/// The type and the announced size of an object: three bits of type, then seven bits of size per byte.
fn object_header(pack: &mut impl Read) -> Result<(u8, u64), Cause> {
    let [mut byte] = read_array::<1>(pack)?;
    let kind = byte >> 4 & 7;
    let mut size = u64::from(byte & 15);
    let mut shift = 4;
    while byte & 0x80 != 0 {
        [byte] = read_array::<1>(pack)?;
        if shift > 56 {
            return Err(broken());
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    Ok((kind, size))
}

/// How far back the base of an offset delta starts; each continued byte adds one so that no distance can be
/// written in two ways.
fn base_distance(pack: &mut impl Read) -> Result<u64, Cause> {
    let [mut byte] = read_array::<1>(pack)?;
    let mut distance = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        [byte] = read_array::<1>(pack)?;
        distance = distance
            .checked_add(1)
            .and_then(|distance| distance.checked_mul(128))
            .ok_or_else(broken)?
            | u64::from(byte & 0x7f);
    }
    if distance == 0 { Err(broken()) } else { Ok(distance) }
}

/// A size at the start of a delta, and what follows it.
fn delta_size(bytes: &[u8]) -> Result<(u64, &[u8]), Cause> {
    let mut size = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        size |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((size, &bytes[index + 1..]));
        }
    }
    Err(broken())
}

fn read_array<const N: usize>(pack: &mut impl Read) -> Result<[u8; N], Cause> {
    let mut bytes = [0; N];
    pack.read_exact(&mut bytes).map_err(|_| broken())?;
    Ok(bytes)
}

/// A reader that knows where it is.
struct Counted<R> {
    inner: R,
    position: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.position += count as u64;
        self.inner.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::{Summary, inspect};
    use crate::error::Cause;
    use crate::limits::Limits;
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write as _;

    fn zlib(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn header(kind: u8, mut size: usize) -> Vec<u8> {
        let mut bytes = vec![kind << 4 | u8::try_from(size & 15).unwrap()];
        size >>= 4;
        while size > 0 {
            *bytes.last_mut().unwrap() |= 0x80;
            bytes.push(u8::try_from(size & 0x7f).unwrap());
            size >>= 7;
        }
        bytes
    }

    fn object(kind: u8, content: &[u8]) -> Vec<u8> {
        [header(kind, content.len()), zlib(content)].concat()
    }

    fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        bytes.push(u8::try_from(number).unwrap());
        bytes
    }

    /// A delta on what starts `back` bytes earlier, which announces a base and a result of these sizes.
    fn delta_on(base: u64, back: u8, size: u64) -> Vec<u8> {
        let content = [varint(base), varint(size)].concat();
        [header(6, content.len()), vec![back], zlib(&content)].concat()
    }

    fn delta(back: u8, size: u64) -> Vec<u8> {
        delta_on(1, back, size)
    }

    fn pack(objects: &[Vec<u8>]) -> Vec<u8> {
        let count = u32::try_from(objects.len()).unwrap().to_be_bytes();
        [b"PACK\0\0\0\x02", &count[..], &objects.concat(), &[0; 20]].concat()
    }

    fn limits() -> Limits {
        Limits {
            pack_objects: 100,
            inflated_bytes: 1000,
            object_bytes: 500,
            memory_bytes: 300,
            delta_depth: 3,
            ..Limits::default()
        }
    }

    fn chain(length: usize) -> Vec<u8> {
        let step = delta(1, 5).len();
        let first = object(3, b"x");
        let mut objects = vec![first.clone()];
        for index in 0..length {
            let back = if index == 0 { first.len() } else { step };
            objects.push(delta(u8::try_from(back).unwrap(), 5));
        }
        pack(&objects)
    }

    #[test]
    fn packs_within_their_budgets_pass() {
        for (bytes, objects) in [
            (pack(&[]), 0),
            (
                pack(&[
                    object(1, b"commit"),
                    object(2, b""),
                    object(3, &[7; 500]),
                    object(4, b"tag"),
                ]),
                4,
            ),
            (chain(3), 4),
        ] {
            assert_eq!(inspect(&bytes[..], &limits()), Ok(Summary { objects }));
        }
    }

    #[test]
    fn budgets_are_compared_with_what_is_announced() {
        let mut many = pack(&[]);
        many[11] = 101;
        let table = [
            (many, "the number of objects"),
            (pack(&[object(3, &[7; 501])]), "a file in the repository"),
            (pack(&[object(2, &[7; 301])]), "a file in the repository"),
            (pack(&[object(3, b"x"), delta(10, 301)]), "a file in the repository"),
            (pack(&[object(3, b"x"), delta(10, u64::MAX >> 8)]), "a file in the repository"),
            (pack(&[object(3, b"x"), delta_on(301, 10, 5)]), "a file in the repository"),
            (pack(&[header(3, 1 << 40)]), "a file in the repository"),
            (pack(&vec![object(3, &[7; 400]); 3]), "the content of the repository"),
            (chain(4), "a chain of deltas"),
        ];
        for (bytes, expected) in table {
            match inspect(&bytes[..], &limits()) {
                Err(Cause::TooLarge { what, .. }) => assert_eq!(what, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_pack_that_lies_or_ends_early_is_damaged() {
        let good = pack(&[object(3, b"some content"), delta(20, 5)]);
        for cut in 0..good.len() {
            assert!(inspect(&good[..cut], &limits()).is_err(), "cut at {cut}");
        }
        let longer = [&good[..], b"x"].concat();
        let bomb = pack(&[[header(3, 10), zlib(&[0; 400])].concat()]);
        let short = pack(&[[header(3, 400), zlib(&[0; 10])].concat()]);
        let outside = pack(&[delta(100, 5)]);
        let unknown = pack(&[object(5, b"x")]);
        for bytes in [longer, bomb, short, outside, unknown] {
            assert!(
                matches!(inspect(&bytes[..], &limits()), Err(Cause::Damaged { .. })),
                "{bytes:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let all = [b"PACK\0\0\0\x02\0\0\0\x03", &bytes[..]].concat();
            proptest::prop_assert!(inspect(&all[..], &limits()).is_err());
        }
    }
}
