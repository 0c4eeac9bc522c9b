//! The listening socket.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::client::{self, Limits};
use super::{Request, Requests};

/// Requests that may wait for the main loop: one for each client.
const QUEUE: usize = 64;
/// Pause after the process ran out of descriptors or memory, so that accepting does not spin.
const BREATH: std::time::Duration = std::time::Duration::from_millis(100);

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Something that is no socket has its name.
    #[error("cannot make the control socket {0}: there is something else of that name")]
    Occupied(PathBuf),
    /// The system refused.
    #[error("cannot make the control socket {path}: {error}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// The control socket. Dropping it closes and removes it and ends all conversations.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    accepting: AbortHandle,
}

impl Server {
    /// Makes the socket, which everybody may connect to and be asked who they are, and begins to accept clients. A socket that is there already is taken to be
    /// left over: whoever calls this holds the lock on the run directory. Must be called within a tokio runtime.
    pub fn bind(path: &Path, limits: Limits) -> Result<(Self, Requests), BindError> {
        let failed = |error| BindError::Io { path: path.to_owned(), error };
        match fs::symlink_metadata(path) {
            Ok(present) if present.file_type().is_socket() => fs::remove_file(path).map_err(failed)?,
            Ok(_) => return Err(BindError::Occupied(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(failed)?;
        let (sender, requests) = mpsc::channel(QUEUE);
        let accepting = tokio::spawn(accept(listener, sender, limits)).abort_handle();
        Ok((Self { path: path.to_owned(), accepting }, requests))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Err(error) = fs::remove_file(&self.path) {
            log::debug!("cannot remove the control socket {}: {error}", self.path.display());
        }
    }
}

/// Accepts clients until the task is aborted; the clients' tasks end with it, because they belong to its set.
async fn accept(listener: UnixListener, requests: mpsc::Sender<Request>, limits: Limits) {
    let mut clients = JoinSet::new();
    let others = Arc::new(Semaphore::new(limits.others));
    loop {
        if clients.len() >= limits.clients {
            // Nobody is turned away: who comes now waits in the socket's own queue, as a program waits for the kernel.
            clients.join_next().await;
            continue;
        }
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    log::warn!("cannot accept a client on the control socket: {error}");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
            Some(_) = clients.join_next() => continue,
        };
        let (requests, others) = (requests.clone(), Arc::clone(&others));
        clients.spawn(async move { client::serve(stream, &requests, limits, &others).await });
    }
}
