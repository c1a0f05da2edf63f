//! Writes the icon files into the given folder (`cargo xtask icons`): an SVG for each state, and the application icon as PNG,
//! ICO and ICNS.

use std::fs;
use std::io;
use std::path::PathBuf;

use privet_tray::icon::IconState;

/// Sizes of the PNG files, in pixels: what the window and its bundles take.
const PNG: [u16; 4] = [32, 128, 256, 512];
/// Sizes in the ICO file, up to its maximum.
const ICO: [u16; 4] = [16, 32, 48, 256];
/// Sizes in the ICNS file, each with its type code.
const ICNS: [(&[u8; 4], u16); 3] = [(b"ic07", 128), (b"ic08", 256), (b"ic09", 512)];

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| "icons".into());
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    for shape in IconState::ALL {
        fs::write(folder.join(shape.file_name()), shape.svg())?;
    }
    for size in PNG {
        fs::write(folder.join(format!("privet-{size}.png")), png(size)?)?;
    }
    fs::write(folder.join("privet.ico"), ico()?)?;
    fs::write(folder.join("privet.icns"), icns()?)
}

fn png(size: u16) -> io::Result<Vec<u8>> {
    let argb = IconState::On.argb(size);
    let rgba: Vec<u8> = argb
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[1], pixel[2], pixel[3], pixel[0]])
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, size.into(), size.into());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&rgba).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(file)
}

/// A directory of PNG files: 6 bytes of header, 16 bytes for each entry, then the files.
fn ico() -> io::Result<Vec<u8>> {
    let files = ICO.map(png).into_iter().collect::<io::Result<Vec<_>>>()?;
    let mut bytes = vec![0, 0, 1, 0, ICO.len() as u8, 0];
    let mut at = (6 + 16 * ICO.len()) as u32;
    for (size, file) in ICO.iter().zip(&files) {
        // 256 is encoded as 0.
        let side = *size as u8;
        bytes.extend([side, side, 0, 0, 1, 0, 32, 0]);
        bytes.extend((file.len() as u32).to_le_bytes());
        bytes.extend(at.to_le_bytes());
        at += file.len() as u32;
    }
    bytes.extend(files.concat());
    Ok(bytes)
}

/// For each PNG file its type, its length including these eight bytes, and the file; the same around all of them.
fn icns() -> io::Result<Vec<u8>> {
    let entry = |name: &[u8; 4], content: &[u8]| {
        let length = (content.len() + 8) as u32;
        [name, &length.to_be_bytes(), content].concat()
    };
    let mut content = Vec::new();
    for (name, size) in ICNS {
        content.extend(entry(name, &png(size)?));
    }
    Ok(entry(b"icns", &content))
}
