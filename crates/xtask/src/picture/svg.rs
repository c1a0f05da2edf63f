//! Terminal text with its colours, drawn as SVG.

use std::fmt::Write as _;

/// Size of a character cell and of the frame around the text, in pixels.
const CELL: (f64, f64) = (8.4, 19.0);
const FRAME: f64 = 18.0;
const BACKGROUND: &str = "#16181d";
const PLAIN: &str = "#d7dae0";
const DIM: &str = "#8a919e";
/// The eight colours of a terminal, in the order of their codes; readable on [`BACKGROUND`].
const COLOURS: [&str; 8] = [
    "#5c6370", "#f2777a", "#8fd19e", "#f0c674", "#7aa6da", "#c397d8", "#70c0b1", "#eaeaea",
];

#[derive(Clone, Copy)]
struct Style {
    colour: &'static str,
    bold: bool,
}

const DEFAULT: Style = Style {
    colour: PLAIN,
    bold: false,
};

/// Draws the text, at least so many columns wide.
pub fn draw(text: &str, columns: usize) -> String {
    let lines: Vec<Vec<(char, Style)>> = styled(text);
    let widest = lines.iter().map(Vec::len).max().unwrap_or(0).max(columns);
    let width = widest as f64 * CELL.0 + 2.0 * FRAME;
    let height = lines.len() as f64 * CELL.1 + 2.0 * FRAME;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"What privet prints\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"10\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let y = FRAME + (row as f64 + 0.75) * CELL.1;
        for run in
            line.chunk_by(|one, other| one.1.colour == other.1.colour && one.1.bold == other.1.bold)
        {
            // chunk_by keeps the order, so a run's column is where its first character stands.
            let column =
                (run.as_ptr() as usize - line.as_ptr() as usize) / size_of::<(char, Style)>();
            write_run(&mut out, run, column, y);
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn write_run(out: &mut String, run: &[(char, Style)], column: usize, y: f64) {
    let Some((_, style)) = run.first() else {
        return;
    };
    let text: String = run.iter().map(|(letter, _)| *letter).collect();
    if text.trim().is_empty() {
        return;
    }
    let x = FRAME + column as f64 * CELL.0;
    let weight = if style.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let length = run.len() as f64 * CELL.0;
    // Viewers join spaces; these they leave.
    let text = text
        .replace(' ', "\u{a0}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{}\"{weight} textLength=\"{length:.1}\">{text}</text>",
        style.colour
    );
}

/// Reads the colour codes (SGR) out of the text; other escapes are left out.
fn styled(text: &str) -> Vec<Vec<(char, Style)>> {
    let mut lines = vec![Vec::new()];
    let mut style = DEFAULT;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => lines.push(Vec::new()),
            '\u{1b}' => {
                let code: String = letters
                    .by_ref()
                    .skip(1)
                    .take_while(|letter| !letter.is_ascii_alphabetic())
                    .collect();
                style = code.split(';').fold(style, restyle);
            }
            letter => {
                if let Some(line) = lines.last_mut() {
                    line.push((letter, style));
                }
            }
        }
    }
    lines
}

fn restyle(style: Style, code: &str) -> Style {
    match code.parse::<usize>() {
        Ok(1) => Style {
            bold: true,
            ..style
        },
        Ok(2) => Style {
            colour: DIM,
            ..style
        },
        Ok(code @ (30..=37 | 90..=97)) => Style {
            colour: COLOURS[code % 10],
            ..style
        },
        Ok(39) => Style {
            colour: PLAIN,
            ..style
        },
        Ok(22) => DEFAULT,
        _ => DEFAULT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_runs_and_signs_are_escaped() {
        let drawn = draw("a\u{1b}[31m<b>\u{1b}[0m c", 10);
        assert!(
            drawn.contains(&format!(
                "fill=\"{}\" textLength=\"25.2\">&lt;b&gt;</text>",
                COLOURS[1]
            )),
            "{drawn}"
        );
        assert!(!drawn.contains('\u{1b}'));
    }
}
