//! Packs that are well formed and hold what no git program would write.

use crate::hostile::Answer;
use crate::hostile::{RESULT, good_words, limits, packet, serve};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::{Compression, write::ZlibEncoder};
use kargo_git::{Cause, Error, Limits, ObjectId, Snapshot, Store};
use kustomize::Tree as _;
use std::io::Write as _;

const COMMIT: u8 = 1;
const TREE: u8 = 2;
const BLOB: u8 = 3;
const REF_DELTA: u8 = 7;

fn sha1(bytes: &[u8]) -> [u8; 20] {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().try_into().unwrap()
}

/// Objects on their way into a pack.
#[derive(Default)]
struct Pack {
    count: u32,
    bytes: Vec<u8>,
}

impl Pack {
    fn add(&mut self, kind: u8, content: &[u8]) -> ObjectId {
        self.add_raw(kind, &[], content);
        let name =
            ["", "commit", "tree", "blob"].get(usize::from(kind)).copied().unwrap_or_default();
        let whole = [format!("{name} {}\0", content.len()).as_bytes(), content].concat();
        ObjectId::from_bytes(sha1(&whole))
    }

    fn add_raw(&mut self, kind: u8, base: &[u8], content: &[u8]) {
        let mut size = content.len();
        let mut byte = kind << 4 | u8::try_from(size & 15).unwrap();
        size >>= 4;
        while size > 0 {
            self.bytes.push(byte | 0x80);
            byte = u8::try_from(size & 0x7f).unwrap();
            size >>= 7;
        }
        self.bytes.push(byte);
        self.bytes.extend_from_slice(base);
        let mut encoder = ZlibEncoder::new(&mut self.bytes, Compression::none());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap();
        self.count += 1;
    }

    fn add_commit(&mut self, tree: ObjectId) -> ObjectId {
        self.add(
            COMMIT,
            format!("tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n").as_bytes(),
        )
    }

    fn finish(self) -> Vec<u8> {
        let mut whole = b"PACK\0\0\0\x02".to_vec();
        whole.extend_from_slice(&self.count.to_be_bytes());
        whole.extend_from_slice(&self.bytes);
        let trailer = sha1(&whole);
        whole.extend_from_slice(&trailer);
        whole
    }
}

/// Fills a pack and names the commit that is asked for.
type Build = fn(&mut Pack) -> ObjectId;

fn entry(mode: &str, name: &str, id: ObjectId) -> Vec<u8> {
    [format!("{mode} {name}\0").as_bytes(), id.as_bytes()].concat()
}

async fn fetch(
    pack: Vec<u8>,
    commit: ObjectId,
    limits: Limits,
) -> (Result<Snapshot, Error>, tempfile::TempDir) {
    let mut body = packet(b"packfile\n");
    for chunk in pack.chunks(60_000) {
        body.extend(packet(&[b"\x01", chunk].concat()));
    }
    body.extend_from_slice(b"0000");
    let remote = serve(good_words(), Answer::Whole(RESULT, body)).await;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), limits).unwrap();
    (store.fetch(&remote, commit.into(), "d").await, folder)
}

#[tokio::test]
async fn a_good_pack_made_by_hand_is_read() {
    let mut pack = Pack::default();
    let blob = pack.add(BLOB, b"content");
    let tree = pack.add(TREE, &entry("100644", "d", blob));
    let commit = pack.add_commit(tree);
    let (snapshot, _folder) = fetch(pack.finish(), commit, limits()).await;
    let snapshot = snapshot.unwrap();
    assert_eq!(snapshot.read("d").unwrap(), b"content");
    assert_eq!(snapshot.id("d").unwrap(), Some(blob));
}

#[tokio::test]
async fn objects_that_do_not_fit_together_are_damage() {
    let missing = ObjectId::from_bytes([7; 20]);
    let table: [(&str, Build); 6] = [
        ("no tree", |pack| pack.add(COMMIT, b"author A <a> 1 +0000\n\nx\n")),
        ("a blob for a tree", |pack| {
            let blob = pack.add(BLOB, b"content");
            pack.add_commit(blob)
        }),
        ("a malformed tree", |pack| {
            let tree = pack.add(TREE, b"100644 cut\0abc");
            pack.add_commit(tree)
        }),
        ("a missing tree", |pack| pack.add_commit(ObjectId::from_bytes([7; 20]))),
        ("another commit", |pack| {
            let tree = pack.add(TREE, b"");
            pack.add_commit(tree);
            ObjectId::from_bytes([7; 20])
        }),
        ("a delta on nothing", |pack| {
            let tree = pack.add(TREE, b"");
            let commit = pack.add_commit(tree);
            pack.add_raw(REF_DELTA, &[7; 20], b"\x05\x05\x90\x05");
            commit
        }),
    ];
    for (name, build) in table {
        let mut pack = Pack::default();
        let commit = build(&mut pack);
        let (result, _folder) = fetch(pack.finish(), commit, limits()).await;
        let error = result.unwrap_err();
        assert!(matches!(error.cause(), Cause::Damaged { .. }), "{name}: {error:?}");
    }
    let mut pack = Pack::default();
    let commit = pack.add_commit(missing);
    let mut bytes = pack.finish();
    *bytes.last_mut().unwrap() ^= 1;
    let (result, _folder) = fetch(bytes, commit, limits()).await;
    assert!(matches!(result.unwrap_err().cause(), Cause::Damaged { .. }), "a wrong checksum");
}

#[tokio::test]
async fn a_tree_without_a_floor_is_not_walked_down() {
    let mut pack = Pack::default();
    let mut tree = pack.add(TREE, b"");
    for _ in 0..100_000 {
        tree = pack.add(TREE, &entry("40000", "d", tree));
    }
    let commit = pack.add_commit(tree);
    let (snapshot, _folder) = fetch(pack.finish(), commit, Limits::default()).await;
    let snapshot = snapshot.unwrap();
    assert!(snapshot.id(&"d/".repeat(60)).unwrap().is_some());
    assert!(snapshot.id(&"d/".repeat(65)).is_err());
    let failure = snapshot.failure().unwrap();
    assert!(matches!(failure.cause(), Cause::TooLarge { limit: 64, .. }), "{failure:?}");
}

#[tokio::test]
async fn names_that_are_no_paths_lead_nowhere() {
    let mut pack = Pack::default();
    let blob = pack.add(BLOB, b"content");
    let names = ["..", ".", ".git", "a/b", "C:\\x", "\u{202e}x"];
    let content = names.iter().flat_map(|name| entry("100644", name, blob)).collect::<Vec<_>>();
    let odd = [b"100644 \xff\xfe\0".as_slice(), blob.as_bytes()].concat();
    let inner = pack.add(
        TREE,
        &[content, odd, entry("160000", "module", blob), entry("777", "what", blob)].concat(),
    );
    let tree = pack.add(TREE, &entry("40000", "d", inner));
    let commit = pack.add_commit(tree);
    let (snapshot, folder) = fetch(pack.finish(), commit, limits()).await;
    let snapshot = snapshot.unwrap();
    assert_eq!(snapshot.list("d").unwrap().len(), 9);
    assert_eq!(snapshot.entry("d/a/b").unwrap(), None);
    assert_eq!(
        snapshot.entry("d/what").unwrap(),
        Some(kustomize::Entry::Unreadable { what: "an entry of an unknown kind" })
    );
    // Names are keys: nothing of them has become a file.
    assert!(!folder.path().join("b").exists());
    assert_eq!(snapshot.failure(), None);
}

#[tokio::test]
async fn a_file_that_does_not_fit_into_memory_is_not_read() {
    let mut pack = Pack::default();
    let blob = pack.add(BLOB, &vec![b'x'; 900_000]);
    let tree = pack.add(TREE, &entry("100644", "d", blob));
    let commit = pack.add_commit(tree);
    let limits = Limits { memory_bytes: 100_000, ..limits() };
    let (snapshot, _folder) = fetch(pack.finish(), commit, limits).await;
    let snapshot = snapshot.unwrap();
    assert_eq!(snapshot.entry("d").unwrap(), Some(kustomize::Entry::File { size: 900_000 }));
    assert!(snapshot.read("d").is_err());
    assert!(matches!(snapshot.failure().unwrap().cause(), Cause::TooLarge { limit: 100_000, .. }));
}
