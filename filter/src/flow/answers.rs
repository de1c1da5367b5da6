//! The way back: one answer, from its headers to its end.

use crate::flow::pairs::Party;
use crate::flow::vm::Vm;
use umbra_policy::pair::PairId;

/// How much of a body is read at once, in bytes: what it takes in the VM does not follow what a server sends.
const PIECE_BYTES: usize = 64 << 10;

/// What Envoy offers of the answer at hand. Each call is a host call.
pub trait AnswerView {
    /// All headers.
    fn headers(&self) -> Vec<(String, Vec<u8>)>;
    /// The first line of one.
    fn header(&self, name: &str) -> Option<Vec<u8>>;
    /// A part of the body's chunk at hand.
    fn body(&self, start: usize, bytes: usize) -> Vec<u8>;
    /// `grpc-status` in the trailers.
    fn trailing_grpc_status(&self) -> Option<Vec<u8>>;
    /// Microseconds of a clock that never steps back.
    fn now_us(&self) -> u64;
}

/// An answer that is followed.
#[derive(Debug)]
pub struct Followed {
    /// To which request.
    pub pair: PairId,
    /// Whose.
    pub party: Party,
    observed: bool,
    reads_body: bool,
    is_over: bool,
}

impl Followed {
    /// An answer of which nothing has come. One that is not `observed` is followed to its end without a host call.
    pub fn new(pair: PairId, party: Party, observed: bool) -> Self {
        Self { pair, party, observed, reads_body: false, is_over: false }
    }

    /// Whether the answer came to its end.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The headers came.
    pub fn on_headers(&mut self, vm: &mut Vm, end_of_stream: bool, view: &impl AnswerView) {
        if self.is_over {
            return;
        }
        let now_us = self.observed.then(|| view.now_us());
        if let Some(now_us) = now_us
            && let Some(wanted) = vm.pairs.wanted(self.pair, self.party)
        {
            let headers = if wanted.headers { view.headers() } else { how_it_went(view, end_of_stream) };
            self.reads_body = vm.pairs.on_headers(self.pair, self.party, &headers, now_us);
        }
        if end_of_stream {
            self.end(vm, now_us);
        }
    }

    /// A chunk of the body came, which may be empty.
    pub fn on_body(&mut self, vm: &mut Vm, bytes: usize, end_of_stream: bool, view: &impl AnswerView) {
        if self.is_over {
            return;
        }
        if self.observed && bytes > 0 {
            vm.pairs.on_length(self.pair, self.party, bytes);
            if self.reads_body {
                for start in (0..bytes).step_by(PIECE_BYTES) {
                    let chunk = view.body(start, PIECE_BYTES.min(bytes.saturating_sub(start)));
                    vm.pairs.on_body(self.pair, self.party, &chunk);
                }
            }
        }
        if end_of_stream {
            self.end(vm, self.observed.then(|| view.now_us()));
        }
    }

    /// The trailers came, and with them the end.
    pub fn on_trailers(&mut self, vm: &mut Vm, view: &impl AnswerView) {
        if self.is_over {
            return;
        }
        if self.observed {
            vm.pairs.on_trailers(self.pair, self.party, view.trailing_grpc_status().as_deref());
        }
        self.end(vm, self.observed.then(|| view.now_us()));
    }

    fn end(&mut self, vm: &mut Vm, now_us: Option<u64>) {
        self.is_over = true;
        vm.pairs.on_answered(self.pair, self.party, now_us);
        vm.settle();
    }
}

/// The status alone, and that of gRPC where it does not come in trailers.
fn how_it_went(view: &impl AnswerView, end_of_stream: bool) -> Vec<(String, Vec<u8>)> {
    let names = [":status"].into_iter().chain(end_of_stream.then_some("grpc-status"));
    names.filter_map(|name| Some((name.to_owned(), view.header(name)?))).collect()
}
