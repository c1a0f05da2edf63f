//! How the web view draws. Where a machine has no GPU, OpenGL runs on the processor, and a web view that uses it compiles
//! shaders before it shows its first page: there it draws without OpenGL.

use std::path::Path;

/// Read by WebKitGTK in this process and in the web process.
const WITHOUT_OPENGL: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";

/// Chooses it; a choice in the environment holds. Called before threads are started.
///
/// # Errors
/// The environment cannot be changed.
pub fn choose() -> Result<(), String> {
    if has_gpu(Path::new("/dev")) {
        return Ok(());
    }
    gtk::glib::setenv(WITHOUT_OPENGL, "1", false).map_err(|error| error.to_string())
}

/// Whether the web view draws without OpenGL. Known after [`choose`].
pub fn is_without_opengl() -> bool {
    std::env::var_os(WITHOUT_OPENGL).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Whether the kernel has a device that renders: a DRM render node, or one of NVIDIA's driver without DRM.
fn has_gpu(devices: &Path) -> bool {
    let renders = |name: &str| name.starts_with("renderD");
    let nodes = std::fs::read_dir(devices.join("dri"));
    let mut names = nodes.into_iter().flatten().flatten();
    names.any(|node| node.file_name().to_str().is_some_and(renders))
        || devices.join("nvidia0").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_without_a_render_node_is_no_gpu() {
        let dir = crate::test_dir::TestDir::new();
        let devices = dir.path();
        assert!(!has_gpu(devices));
        std::fs::create_dir(devices.join("dri")).unwrap();
        std::fs::write(devices.join("dri/card0"), "").unwrap();
        assert!(!has_gpu(devices));
        std::fs::write(devices.join("dri/renderD128"), "").unwrap();
        assert!(has_gpu(devices));
        std::fs::remove_dir_all(devices.join("dri")).unwrap();
        std::fs::write(devices.join("nvidia0"), "").unwrap();
        assert!(has_gpu(devices));
    }
}
