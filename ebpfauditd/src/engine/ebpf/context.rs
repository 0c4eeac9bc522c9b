//! The kernel's answers about contexts of `SELinux`: a program that hangs on nothing is run for each. aya can run a program only
//! where its object is, and the recorder's thread has not the object.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use aya::Ebpf;
use aya::maps::{Array, MapData};
use aya::programs::{ProgramError, ProgramFd, RawTracePoint};
use kern::abi::{self, Question};
use kern::hooks::CONTEXT_PROGRAM;

use super::bpf;
use super::error::{EngineError, map_error};
use super::symbol::Variables;
use super::value::ContextValue;
use crate::context::{Contexts, Oracle};

/// The map in which the program leaves its answer.
const MAP: &str = "ea_contexts";

/// The program and the place of its answers.
struct Kernel {
    program: ProgramFd,
    answers: Array<MapData, ContextValue>,
    answer: Box<ContextValue>,
}

/// Contexts as the kernel knows them; none where `SELinux` is not active.
pub(super) fn contexts(ebpf: &mut Ebpf, variables: &Variables) -> Contexts {
    if variables.selinux_sizes == 0 {
        return Contexts::default();
    }
    match Kernel::new(ebpf) {
        Ok(kernel) => Contexts::new(Box::new(kernel)),
        Err(error) => {
            log::warn!("records have no security contexts: {}", error.brief());
            Contexts::default()
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Kernel").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Kernel {
    fn new(ebpf: &mut Ebpf) -> Result<Self, EngineError> {
        let failed = |source| EngineError::Attach { program: CONTEXT_PROGRAM, target: "nothing", source };
        let program = ebpf.program_mut(CONTEXT_PROGRAM).ok_or(ProgramError::UnexpectedProgramType);
        let program = program.and_then(<&mut RawTracePoint>::try_from).map_err(failed)?;
        program.load().map_err(failed)?;
        let program = program.fd().and_then(|fd| Ok(fd.try_clone()?)).map_err(failed)?;
        let map = ebpf.take_map(MAP).ok_or_else(|| EngineError::no_map(MAP))?;
        let answers = Array::try_from(map).map_err(map_error("open", MAP))?;
        let answer = Box::new(answers.get(&0, 0).map_err(map_error("read", MAP))?);
        let kernel = Self { program, answers, answer };
        kernel.run([0; 3]).map_err(|error| failed(ProgramError::IOError(error)))?;
        Ok(kernel)
    }

    fn run(&self, mut arguments: [u64; 3]) -> io::Result<()> {
        bpf::run(self.program.as_fd(), &mut arguments)
    }

    fn answer(&mut self, arguments: [u64; 3]) -> Result<(), EngineError> {
        self.run(arguments).map_err(|error| EngineError::Map {
            act: "fill",
            map: MAP,
            error: error.to_string(),
        })?;
        *self.answer = self.answers.get(&0, 0).map_err(map_error("read", MAP))?;
        Ok(())
    }
}

impl Oracle for Kernel {
    fn ask(&mut self, question: Question, first: u32, second: u32) -> Option<&abi::Context> {
        match self.answer([question as u64, first.into(), second.into()]) {
            Ok(()) => Some(&self.answer.0),
            Err(error) => {
                log::debug!("no answer about a security context: {error}");
                None
            }
        }
    }
}
