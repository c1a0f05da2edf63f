//! Writes the icon's SVG files into the folder it is given: `cargo xtask icons`.

use std::path::PathBuf;

use privet_tray::icon::Shape;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| "icons".into());
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    for shape in Shape::ALL {
        std::fs::write(folder.join(shape.file_name()), shape.svg())?;
    }
    Ok(())
}
