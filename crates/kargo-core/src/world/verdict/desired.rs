//! The target state: how far the newest commit got.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kargo_api::{
    SourceReference,
    reasons::Reason,
    status::{DesiredState, DesiredStatus},
};

use super::{
    Verdict,
    words::{capitalised, short},
};
use crate::{
    finding,
    world::{app::App, event::Failure},
};

impl App {
    /// The verdict on git; `None` while the first commit since the start is on its way.
    pub(super) fn desired_verdict(&self) -> Option<Verdict<DesiredState>> {
        let failed = |failure: &Failure| Verdict {
            state: DesiredState::Failed,
            reason: failure.reason,
            message: failure.message.clone(),
            findings: failure.findings.clone(),
        };
        if let Some(failure) = &self.source_failure {
            return Some(failed(failure));
        }
        let wanted = self.wanted_load();
        if let Some(retry) = &self.load_failure
            && Some(&retry.what.0) == wanted.as_ref()
        {
            return Some(failed(&retry.what.1));
        }
        let rendered = self.newest()?;
        let count = rendered.objects().len();
        let objects = if count == 1 { "object" } else { "objects" };
        let origin = match self.spec.source.reference() {
            SourceReference::Branch(_) => String::new(),
            SourceReference::Tag(tag) => format!(" of tag {tag}"),
            SourceReference::Revision(_) => " (pinned by spec.source.revision)".to_owned(),
        };
        let signer = rendered.signer().map(|signer| format!(", signed by {signer},"));
        let mut message = format!(
            "commit {}{origin}{} was read and renders {count} {objects}",
            short(rendered.revision()),
            signer.unwrap_or_default()
        );
        match rendered.warnings().len() {
            0 => message.push('.'),
            1 => message.push_str(", with a warning."),
            warnings => message = format!("{message}, with {warnings} warnings."),
        }
        Some(Verdict {
            state: DesiredState::Succeeded,
            reason: Reason::Rendered,
            message: capitalised(&message),
            findings: rendered.warnings().to_vec(),
        })
    }
}

pub(super) fn desired_status(
    app: &App,
    verdict: &Verdict<DesiredState>,
    wall: Timestamp,
) -> DesiredStatus {
    let failed = verdict.state == DesiredState::Failed;
    let rendered = app.newest().filter(|_| !failed);
    let revision = match (&app.source_failure, rendered) {
        (Some(_), _) => None,
        (None, Some(rendered)) => Some(rendered.revision().to_owned()),
        (None, None) => app.tip.clone(),
    };
    let (findings, findings_left_out) = finding::to_status(&verdict.findings);
    let mut status = DesiredStatus {
        state: verdict.state,
        revision,
        digest: rendered.map(|rendered| rendered.digest().to_owned()),
        message: verdict.message.clone(),
        time: None,
        findings,
        findings_left_out,
    };
    let before = app.stored.desired.as_ref();
    let same = before.filter(|old| (old.state, &old.revision) == (status.state, &status.revision));
    status.time = Some(same.and_then(|old| old.time.clone()).unwrap_or(Time(wall)));
    status
}
