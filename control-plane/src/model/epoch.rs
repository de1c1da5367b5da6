//! When the evidence on a shadow begins anew.

use umbra_resource::Resource;
use umbra_resource::manifest::compare::Compare;
use umbra_resource::manifest::shadow::ShadowSpec;

/// Whether pairs made before a change can be added to pairs made after it.
///
/// They can not when the copies went somewhere else (target, control), were other requests (headers set or removed), or
/// were compared in another way. They can when only the share, the switch, the guards, the stamps, the gates, the
/// redaction or the part that is compared changed: then there are more or fewer pairs of the same kind.
pub fn is_comparable(before: &ShadowSpec, after: &ShadowSpec) -> bool {
    before.target == after.target
        && before.control == after.control
        && before.request == after.request
        && of_answers(before) == of_answers(after)
}

/// The same of a change to any resource: `None` where no evidence begins.
pub fn begins(before: Option<&Resource>, after: Option<&Resource>) -> bool {
    match (before, after) {
        (Some(Resource::Shadow(before)), Some(Resource::Shadow(after))) => {
            !is_comparable(&before.spec, &after.spec)
        }
        (None, Some(Resource::Shadow(_))) => true,
        _ => false,
    }
}

fn of_answers(spec: &ShadowSpec) -> Compare {
    Compare { percent: None, redact: None, ..spec.compare.clone().unwrap_or_default() }
}
