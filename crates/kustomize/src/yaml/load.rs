//! From text to nodes: anchors and merge keys expanded, duplicate keys refused, everything counted.

use std::collections::{HashMap, HashSet};

use granit_parser::{
    ErrorKind, Event, Options as ParserOptions, Parser, ScalarStyle, ScanError, Span,
    StructureStyle,
};

use crate::error::Code;
use crate::position::Spot;
use crate::yaml::limits::Limits;
use crate::yaml::node::{Data, Key, Map, Node, Scalar, Size, Style};
use crate::yaml::scalar::{Dialect, Tag, tag_of};
use crate::yaml::text::{Chunk, Fault, decode, split_documents};

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Node,
    /// Number of the document in its file, empty ones not counted.
    pub(crate) index: usize,
}

/// All documents of a file of resources or patches. Empty documents are left out.
pub(crate) fn documents(
    bytes: &[u8],
    file: u32,
    limits: &mut Limits,
) -> Result<Vec<Document>, Fault> {
    let text = decode(bytes)?;
    let mut documents = Vec::new();
    let chunks = split_documents(&text)?;
    let last = chunks.len() - 1;
    for (number, mut chunk) in chunks.into_iter().enumerate() {
        if number >= limits.documents {
            let what = format!("more than {} documents in one file", limits.documents);
            return Err(
                Fault::new(Code::Budget, chunk.lines_before + 1, 1, what).help("Split the file")
            );
        }
        if number != last && chunk.text.is_empty() {
            continue;
        }
        if chunk.text.bytes().all(|byte| byte.is_ascii_whitespace() && byte != b'\t') {
            continue;
        }
        if number != last && !chunk.text.ends_with('\n') {
            chunk.text.to_mut().push('\n');
        }
        let loaded = one(&chunk, file, Dialect::Resource, limits)?;
        if let Some(root) = loaded.filter(|root| !root.is_null()) {
            documents.push(Document { root, index: documents.len() });
        }
    }
    Ok(documents)
}

/// The first document of a file in the YAML 1.1 dialect: a kustomization file, a configuration, a JSON
/// patch. The second value tells what kustomize does not read: keys that are set again, and further
/// documents.
pub(crate) fn first_document(
    bytes: &[u8],
    file: u32,
    dialect: Dialect,
    limits: &mut Limits,
) -> Result<(Option<Node>, Vec<Fault>), Fault> {
    let text = decode(bytes)?;
    let mut builder = Builder::new(&text, 0, file, dialect, limits);
    let root = builder.run()?;
    let mut unread = builder.repeated;
    if let Some((line, column)) = builder.second_document {
        let what = "only the first document of this file is read";
        unread.push(
            Fault::new(Code::DroppedContent, line, column, what)
                .help("Remove the lines from the second `---` on"),
        );
    }
    Ok((root, unread))
}

/// The only document of a chunk.
fn one(
    chunk: &Chunk<'_>,
    file: u32,
    dialect: Dialect,
    limits: &mut Limits,
) -> Result<Option<Node>, Fault> {
    let mut builder = Builder::new(&chunk.text, chunk.lines_before, file, dialect, limits);
    let root = builder.run()?;
    match builder.second_document {
        Some((line, column)) => Err(Fault::new(
            Code::DroppedContent,
            line,
            column,
            "this document follows `...` without a line `---`, and kustomize would drop it",
        )
        .help("Replace `...` by `---`")),
        None => Ok(root),
    }
}

struct Builder<'a, 'l> {
    text: &'a str,
    lines_before: usize,
    file: u32,
    dialect: Dialect,
    limits: &'l mut Limits,
    open: Vec<Open>,
    flow_levels: usize,
    anchors: HashMap<usize, Anchor>,
    root: Option<Node>,
    /// A second document with content follows the first.
    second_document: Option<(usize, usize)>,
    /// Keys that are set again, where the last one counts.
    repeated: Vec<Fault>,
}

/// A list or map that is being read.
struct Open {
    node: Node,
    anchor: usize,
    flow: bool,
    /// The key whose value comes next.
    key: Option<Key>,
    /// Keys of large maps, to find duplicates.
    seen: Option<HashSet<Box<str>>>,
    /// Maps of a merge key `<<`, nearest first, and where the key stands.
    merges: Option<Box<(Vec<Map>, Spot)>>,
}

struct Anchor {
    node: Node,
    size: Size,
}

/// Maps with more keys than this are checked for duplicates with a set.
const SMALL_MAP: usize = 12;

impl<'a, 'l> Builder<'a, 'l> {
    fn new(
        text: &'a str,
        lines_before: usize,
        file: u32,
        dialect: Dialect,
        limits: &'l mut Limits,
    ) -> Self {
        Self {
            text,
            lines_before,
            file,
            dialect,
            limits,
            open: Vec::new(),
            flow_levels: 0,
            anchors: HashMap::new(),
            root: None,
            second_document: None,
            repeated: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<Option<Node>, Fault> {
        let options = self.parser_options();
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        let mut documents = 0;
        while let Some(next) = parser.next_event() {
            let (event, span) = match next {
                Ok(next) => next,
                // What follows the first document is not read in the YAML 1.1 dialect.
                Err(_) if self.root.is_some() && self.dialect == Dialect::Yaml11 => break,
                Err(error) => return Err(self.syntax_fault(&error)),
            };
            match event {
                Event::DocumentStart(..) => documents += 1,
                Event::DocumentEnd if documents == 1 => {}
                Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::Alias(_)
                    if documents > 1 =>
                {
                    let nothing = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, 0, None) if span.is_empty());
                    if !nothing {
                        self.second_document =
                            Some((span.start.line() + self.lines_before, span.start.col() + 1));
                        break;
                    }
                }
                event => self.event(event, &span)?,
            }
        }
        Ok(self.root.take())
    }

    fn parser_options(&self) -> ParserOptions {
        granit_parser::options! {
            bom_inside_document_as_content: true,
            block_scalar_eof_without_line_feed: true,
            disallow_directives: self.dialect == Dialect::Resource,
            emit_comments: false,
            flow_nesting_limit: self.limits.depth + 1,
            block_nesting_limit: self.limits.depth + 1,
        }
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fault> {
        let spot = self.spot(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser writes `~` for a value that is not there.
                let nothing = style == ScalarStyle::Plain && span.is_empty();
                let text = if nothing { "".into() } else { text };
                if style == ScalarStyle::DoubleQuoted {
                    self.refuse_json_escapes(span)?;
                }
                let suffix = tag.as_deref().map(|tag| (tag.core_suffix(), tag));
                let explicit =
                    suffix.map(|(core, tag)| tag_named(core.unwrap_or(""), tag.suffix()));
                self.scalar(&text, style, explicit, anchor, spot)
            }
            Event::SequenceStart(style, anchor, _) => {
                self.start(Data::List(Vec::new()), style, anchor, spot)
            }
            Event::MappingStart(style, anchor, _) => {
                self.start(Data::Map(Map::default()), style, anchor, spot)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, spot),
            _ => Ok(()),
        }
    }

    fn spot(&self, span: &Span) -> Spot {
        let clamp = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Spot {
            file: self.file,
            line: clamp(span.start.line() + self.lines_before),
            column: clamp(span.start.col() + 1),
        }
    }

    fn fault(code: Code, spot: Spot, what: impl Into<String>) -> Fault {
        Fault::new(code, spot.line as usize, spot.column as usize, what)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        explicit: Option<Tag>,
        anchor: usize,
        spot: Spot,
    ) -> Result<(), Fault> {
        self.count(1, spot)?;
        let style = match style {
            ScalarStyle::Plain if self.flow_levels > 0 => Style::PlainFlow,
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let plain = matches!(style, Style::Plain | Style::PlainFlow);
        let tag = match explicit {
            Some(tag) => tag,
            None if plain => tag_of(text, self.dialect),
            None => Tag::Str,
        };
        if text == "<<" && self.expects_key() && (tag == Tag::Merge || explicit.is_none()) {
            if tag != Tag::Merge {
                return Err(Self::fault(
                    Code::DroppedContent,
                    spot,
                    "a quoted key `<<` would be dropped by kustomize",
                )
                .help("Write `<<` without quotes to merge a map, or choose another key"));
            }
            return self.merge_key(spot);
        }
        let scalar = Scalar { text: text.into(), tag, style, tagged: explicit.is_some(), alias: 0 };
        self.put(Node::scalar(scalar, spot), anchor)
    }

    fn expects_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.key.is_none() && matches!(open.node.data, Data::Map(_)))
    }

    fn merge_key(&mut self, spot: Spot) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        if open.merges.is_some() {
            return Err(Self::fault(
                Code::DuplicateKey,
                spot,
                "a second merge key `<<` in one map",
            )
            .help("Merge several maps by a list: `<<: [*a, *b]`"));
        }
        open.merges = Some(Box::new((Vec::new(), spot)));
        open.key = Some(Key { text: "<<".into(), spot, tag: Tag::Merge });
        Ok(())
    }

    fn start(
        &mut self,
        data: Data,
        style: StructureStyle,
        anchor: usize,
        spot: Spot,
    ) -> Result<(), Fault> {
        self.count(1, spot)?;
        if self.expects_key() {
            return Err(Self::fault(Code::Yaml, spot, "a list or map cannot be the key of a map"));
        }
        if self.open.len() >= self.limits.depth {
            return Err(self.too_deep(spot));
        }
        let flow = style == StructureStyle::Flow;
        self.flow_levels += usize::from(flow);
        let node = Node::new(data, spot);
        self.open.push(Open { node, anchor, flow, key: None, seen: None, merges: None });
        Ok(())
    }

    fn too_deep(&self, spot: Spot) -> Fault {
        let what = format!("lists and maps are nested deeper than {} levels", self.limits.depth);
        Self::fault(Code::Budget, spot, what).help("Flatten the structure")
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        self.flow_levels -= usize::from(open.flow);
        if let (Some(merges), Data::Map(map)) = (open.merges.take(), &mut open.node.data) {
            merge_into(map, merges.0);
        }
        self.put(open.node, open.anchor)
    }

    fn alias(&mut self, anchor: usize, spot: Spot) -> Result<(), Fault> {
        let Some(known) = self.anchors.get(&anchor) else {
            return Err(Self::fault(
                Code::Yaml,
                spot,
                "this alias refers to the map or list that contains it",
            )
            .help("Remove the alias"));
        };
        let size = known.size;
        if self.limits.alias_nodes < size.nodes || self.limits.text_bytes < size.text as u64 {
            return Err(Self::fault(
                Code::Budget,
                spot,
                "the aliases of this build expand to too much",
            )
            .help("Write the values out where they are needed"));
        }
        self.limits.alias_nodes -= size.nodes;
        self.limits.text_bytes -= size.text as u64;
        self.count(size.nodes, spot)?;
        if self.open.len() + size.depth > self.limits.depth + 1 {
            return Err(self.too_deep(spot));
        }
        let node =
            self.anchors.get(&anchor).map_or_else(|| Node::null(spot), |known| known.node.clone());
        self.put(node, 0)
    }

    fn count(&mut self, nodes: usize, spot: Spot) -> Result<(), Fault> {
        match self.limits.nodes.checked_sub(nodes) {
            Some(rest) => {
                self.limits.nodes = rest;
                Ok(())
            }
            None => Err(Self::fault(Code::Budget, spot, "this build has too many YAML nodes")
                .help("Split it into several applications")),
        }
    }

    /// Puts a finished node where it belongs: a key, a value, an element or the root.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        if anchor != 0 {
            let size = node.size();
            self.count(size.nodes, node.spot)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), size });
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.data {
            Data::List(list) => list.push(node),
            Data::Map(map) => match open.key.take() {
                None => {
                    let spot = node.spot;
                    let Data::Scalar(scalar) = node.data else {
                        return Err(Self::fault(
                            Code::Yaml,
                            spot,
                            "a list or map cannot be the key of a map",
                        ));
                    };
                    let known = if map.entries.len() <= SMALL_MAP {
                        map.entry(&scalar.text).is_some()
                    } else {
                        let entries = &map.entries;
                        let seen = open.seen.get_or_insert_with(|| {
                            entries.iter().map(|(key, _)| key.text.clone()).collect()
                        });
                        !seen.insert(scalar.text.clone())
                    };
                    if known {
                        let first = map.entry(&scalar.text).map_or(0, |(key, _)| key.spot.line);
                        let what =
                            format!("the key `{}` is already set in line {first}", scalar.text);
                        let fault = Fault::new(
                            Code::DuplicateKey,
                            spot.line as usize,
                            spot.column as usize,
                            what,
                        );
                        if self.dialect == Dialect::Resource {
                            return Err(fault.help("Remove one of the two; if a new object begins here, put a line `---` before it"));
                        }
                        map.remove(&scalar.text);
                        self.repeated
                            .push(fault.help("Remove one of the two; only the last one counts"));
                    }
                    open.key = Some(Key { text: scalar.text, spot, tag: scalar.tag });
                }
                Some(key) if key.tag == Tag::Merge && open.merges.is_some() => {
                    let maps = maps_to_merge(node)
                        .map_err(|what| Self::fault(Code::Yaml, key.spot, what))?;
                    if let Some(open) = self.open.last_mut() {
                        open.merges = Some(Box::new((maps, key.spot)));
                    }
                }
                Some(key) => map.entries.push((key, node)),
            },
            Data::Scalar(_) => {}
        }
        Ok(())
    }

    /// Escapes that are valid JSON but that kustomize's YAML reader does not know.
    fn refuse_json_escapes(&self, span: &Span) -> Result<(), Fault> {
        let Some(source) = span.slice(self.text) else { return Ok(()) };
        if !source.contains('\\') {
            return Ok(());
        }
        let mut bytes = source.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            if byte != b'\\' {
                continue;
            }
            let escape = bytes.next().map_or(0, |(_, escape)| escape);
            let surrogate = escape == b'u'
                && source.as_bytes().get(at + 2..at + 4).is_some_and(|hex| {
                    hex[0].eq_ignore_ascii_case(&b'd')
                        && matches!(hex[1].to_ascii_lowercase(), b'8'..=b'f')
                        && hex[1] != b'7'
                });
            if escape == b'/' || surrogate {
                let what = if surrogate { "a surrogate pair" } else { "`\\/`" };
                let what =
                    format!("kustomize's YAML does not know the escape {what} in double quotes");
                return Err(Self::fault(Code::Yaml, self.spot(span), what)
                    .help("Write the character itself"));
            }
        }
        Ok(())
    }

    fn syntax_fault(&self, error: &ScanError) -> Fault {
        let marker = error.marker();
        let (line, column) = (marker.line().max(1), marker.col() + 1);
        // The scanner often reports the end of the token before, so the lines around are looked at too.
        for at_line in [line, line.saturating_sub(1), line + 1] {
            let content = at_line.checked_sub(1).and_then(|skipped| self.text.lines().nth(skipped));
            let Some(content) = content else { continue };
            let indentation =
                &content[..content.len() - content.trim_start_matches([' ', '\t']).len()];
            if let Some(at) = indentation.find('\t') {
                return Fault::new(
                    Code::Tab,
                    at_line + self.lines_before,
                    at + 1,
                    "tab used for indentation; YAML allows only spaces",
                )
                .help("Replace the tab by spaces");
            }
        }
        let (line, what) = (line + self.lines_before, error.info());
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => {
                let what =
                    format!("lists and maps are nested deeper than {} levels", self.limits.depth);
                Fault::new(Code::Budget, line, column, what).help("Flatten the structure")
            }
            ErrorKind::UnknownAnchor => Fault::new(
                Code::Yaml,
                line,
                column,
                "this alias has no anchor before it in the same document",
            )
            .help("Define the anchor with `&name` first; anchors do not reach across `---`"),
            ErrorKind::DirectiveDisallowed => Fault::new(
                Code::Yaml,
                line,
                column,
                "a YAML directive (`%...`) is not understood by kustomize",
            )
            .help("Remove the line"),
            _ => Fault::new(Code::Yaml, line, column, format!("this is not valid YAML: {what}"))
                .help("Check the indentation, colons and quotes of this line and the one before"),
        }
    }
}

fn tag_named(core: &str, suffix: &str) -> Tag {
    match core {
        "str" => Tag::Str,
        "int" => Tag::Int,
        "float" => Tag::Float,
        "bool" => Tag::Bool,
        "null" => Tag::Null,
        "timestamp" => Tag::Timestamp,
        "binary" => Tag::Binary,
        "merge" => Tag::Merge,
        // `!` alone means that the scalar is a string.
        _ if suffix.is_empty() => Tag::Str,
        _ => match suffix {
            "timestamp" => Tag::Timestamp,
            "binary" => Tag::Binary,
            "merge" => Tag::Merge,
            _ => Tag::Custom,
        },
    }
}

/// The maps that the value of `<<` names, the one that wins first.
fn maps_to_merge(node: Node) -> Result<Vec<Map>, &'static str> {
    match node.data {
        Data::Map(map) => Ok(vec![map]),
        Data::List(list) => list
            .into_iter()
            .map(|element| match element.data {
                Data::Map(map) => Ok(map),
                _ => Err("`<<` takes a map or a list of maps"),
            })
            .collect(),
        Data::Scalar(_) => Err("`<<` takes a map or a list of maps"),
    }
}

/// Adds what the map itself does not have.
fn merge_into(map: &mut Map, merges: Vec<Map>) {
    let mut seen: HashSet<Box<str>> = map.entries.iter().map(|(key, _)| key.text.clone()).collect();
    for (key, value) in merges.into_iter().flat_map(|merged| merged.entries) {
        if seen.insert(key.text.clone()) {
            map.entries.push((key, value));
        }
    }
}
