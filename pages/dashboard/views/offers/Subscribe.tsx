// How to have the dates in a calendar: a key for the calendar alone, and the address with it.
import { useState } from "preact/hooks";
import { API_URL } from "../../api";
import { CopyButton, Dialog, Field, Notice } from "../../components";
import { keyStore } from "../../key";

const MAKE_KEY = `az functionapp function keys set \\
  --resource-group "$AZURE_RESOURCE_GROUP" \\
  --name "$FUNCTION_APP_NAME" \\
  --function-name get_calendar --key-name outlook \\
  --query value --output tsv`;
const PLACE_OF_KEY = "<the key>";

export function Subscribe({ onClose }: { onClose: () => void }) {
  const [key, setKey] = useState("");
  const isOwn = key.trim() !== "" && key.trim() === keyStore.get().key;
  const address = `${API_URL}/calendar.ics?code=`;
  const whole = key.trim() !== "" && !isOwn ? address + encodeURIComponent(key.trim()) : address + PLACE_OF_KEY;
  return (
    <Dialog title="Subscribe to these dates" onClose={onClose}>
      <p>Outlook, Google Calendar and other programs can show the accept-by and end dates of your offers.</p>
      <ol class="steps">
        <li>
          <h3>Make a key that opens the calendar and nothing else</h3>
          <Command text={MAKE_KEY} label="command" />
        </li>
        <li>
          <h3>Put it into the address</h3>
          <Field
            label="The calendar's key"
            hint="It is not stored, and not sent anywhere."
            fault={isOwn ? "This is the dashboard's own key. It opens everything: never put it into a calendar." : undefined}
          >
            {(id, described) => (
              <input
                {...described}
                id={id}
                class="input mono"
                autocomplete="off"
                spellcheck={false}
                placeholder="What the command printed"
                value={key}
                onInput={(event) => setKey(event.currentTarget.value)}
              />
            )}
          </Field>
          <Command text={whole} label="calendar's address" />
        </li>
        <li>
          <h3>Subscribe to the address in your calendar</h3>
          <p class="muted">
            Outlook: Add calendar, Subscribe from web. Google Calendar: Other calendars, From URL. Do not import it as a file: it would
            never change again.
          </p>
        </li>
      </ol>
      <Notice tone="warning" title="Never use the dashboard's own key.">
        A calendar service stores the address, and everyone who has it can read the calendar.
      </Notice>
    </Dialog>
  );
}

function Command({ text, label }: { text: string; label: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton text={text} label={label} />
    </div>
  );
}
